"""The kernel that all parts share: contracts, the ledger's vocabulary, names, clients, settings. It imports nothing of ours."""
