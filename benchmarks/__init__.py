"""Measurements: each figure beside a baseline of the same run, on the same machine."""
