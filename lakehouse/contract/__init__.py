"""Event types: their contracts, read from files, and the judgement of events by them."""
