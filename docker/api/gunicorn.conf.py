"""How gunicorn serves the API, on this machine and in its container."""

import os

bind = f"{os.environ.get('LAKEHOUSE_BIND', '127.0.0.1')}:{os.environ.get('LAKEHOUSE_API_PORT', '5000')}"
# Two processes for two cores; a thread waits for Kafka's acknowledgement while others take requests.
workers = 2
worker_class = "gthread"
threads = 16
backlog = 1024
timeout = 60
graceful_timeout = 20
keepalive = 5
# The API writes its own line per request.
accesslog = None
errorlog = "-"
loglevel = "warning"
# Workers beat in memory-backed files where there are any: a slow disk would look like a hung worker.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
