"""What the stack has stored: its backup and restore, its upgrade, and the metastore made anew."""
