"""The runtime of every job: settings, Spark session, log."""
