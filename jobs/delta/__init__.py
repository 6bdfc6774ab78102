"""Delta tables: commits that take effect once, and tables that follow the contracts."""
