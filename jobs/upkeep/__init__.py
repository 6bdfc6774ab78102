"""Upkeep: compaction, deletion of what nobody needs, table health, erased players."""
