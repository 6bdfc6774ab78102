"""Spark applications: each file here is an entry point; the folders hold what they are made of."""
