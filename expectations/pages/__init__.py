"""The data-quality pages: rendered on request from ops.* through Trino, without script."""
