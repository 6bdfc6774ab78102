"""One attempt at an entry: its rows written once, audited, decided; and the way out if a message ends it."""
