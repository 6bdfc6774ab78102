"""The vocabulary of the ledger: entries, offsets and ranges, losses, destinations, selections of open quarantine."""
