"""Spark applications: one file an entry point here, what they are made of in the rooms below."""
