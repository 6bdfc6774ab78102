"""What people do: the command `lakehouse`, and the questions behind it and behind the DAGs."""
