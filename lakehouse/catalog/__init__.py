"""The names of what the servers hold: tables, topics and views; who may read them; whether Trino and Delta agree."""
