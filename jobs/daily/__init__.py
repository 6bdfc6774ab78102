"""The daily tables: facts of a day, the record of builds, the inventory."""
