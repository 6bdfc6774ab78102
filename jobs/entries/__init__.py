"""Ledger entries: a file a kind, the loop that closes them, and how one is asked for."""
