"""The ledger, in its Delta table or in memory; and the count of rows that an entry brought into tables."""
