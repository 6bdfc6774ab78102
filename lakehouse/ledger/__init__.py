"""The vocabulary of the ledger: offsets and ranges, losses, where messages go, selections of open quarantine."""
