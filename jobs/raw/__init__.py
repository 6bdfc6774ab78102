"""From Kafka into raw.events: plan, read, losses."""
