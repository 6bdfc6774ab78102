"""Ledger entries: one file for each kind, the loop that closes them, and how a request becomes an entry."""
