"""What becomes of a message: its contract, repeated events, header rules, conditions."""
