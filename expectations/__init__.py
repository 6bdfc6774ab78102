"""Audits of a batch or a day with Great Expectations: the checks, the verdict, and the pages that show it."""
