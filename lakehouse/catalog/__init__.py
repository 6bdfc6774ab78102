"""What the servers hold under which name: topics, views, who may read them, and whether Trino and Delta agree."""
