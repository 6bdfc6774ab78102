"""Great Expectations over a batch or a day: what is checked, the verdict, and the pages that show it."""
