"""Upkeep: compaction, deletion of unneeded files, table health, erased players."""
