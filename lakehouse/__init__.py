"""What all parts share: event contracts, names of topics, tables and paths, settings; the command and the local stack."""
