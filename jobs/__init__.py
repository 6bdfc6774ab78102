"""Spark applications, one file an entry point; pure planning and DataFrame functions beside them."""
