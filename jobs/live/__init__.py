"""The live state: players' hashes and notifications in Redis, which follow the ledger after each entry is done."""
