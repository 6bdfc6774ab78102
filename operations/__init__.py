"""What people do: the command `lakehouse`, and the queries that it and the DAGs use."""
