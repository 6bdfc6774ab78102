"""Where the ledger is kept: in its Delta table, or in memory; and what an entry brought into the tables."""
