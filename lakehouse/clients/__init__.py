"""Clients of the servers: Trino, HDFS, Kafka, Airflow."""
