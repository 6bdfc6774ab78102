"""The kernel that all parts share: contracts, ledger, names, clients, settings. It imports nothing else of ours."""
