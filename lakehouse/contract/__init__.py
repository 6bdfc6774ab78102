"""What an event type is: its contract, read from a file, and what the contract demands of an event."""
