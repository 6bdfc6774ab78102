"""Delta tables: commits that take effect once, what a commit added, the tables as the contracts say."""
