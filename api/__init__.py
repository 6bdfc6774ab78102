"""HTTP in, Kafka out: answers 2xx only for events that the broker has acknowledged."""
