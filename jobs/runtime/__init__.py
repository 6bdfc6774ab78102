"""What every job runs in: its settings, its Spark, its log."""
