"""The local stack: every server of the lakehouse as a process of this machine, under supervisord."""
