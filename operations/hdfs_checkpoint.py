"""Merges the NameNode's log of changes into its image, which nobody else does where there is one NameNode."""

from __future__ import annotations

import os
import subprocess

from lakehouse.clients.hdfs import HdfsError
from lakehouse.settings import Settings
from stack.environment import job_environment, local_settings
from stack.java import find_java
from stack.services import hdfs_checkpoint

SECONDS = 1_800
_DONE = "Checkpoint done"
_STANDBY = "Cannot use SecondaryNameNode in an HA cluster"


def checkpoint(settings: Settings) -> str:
    """Makes a new image of the NameNode's, so that its log stays short and its next start too.

    The NameNode takes one at most once an hour, or after `dfs.namenode.checkpoint.txns` changes.

    Returns:
        A sentence that says what was done.

    Raises:
        HdfsError: it could not be made; nothing is lost, and the next day's run tries again.
        StackError: this machine has no Java 17.
    """
    settings = local_settings(settings)
    if not (settings.servers / "hadoop").is_dir():
        return "Hadoop is not on this machine; let whoever runs HDFS see to its checkpoints"
    java = find_java(os.environ)
    command, environment = hdfs_checkpoint(settings, java), os.environ | job_environment(settings, java)
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise HdfsError(f"the checkpoint of HDFS had not ended after {SECONDS} s") from None
    said = done.stdout + done.stderr
    if _STANDBY in said:
        return "the NameNode that stands by makes HDFS's checkpoints"
    if done.returncode or _DONE not in said:
        lines = [line for line in said.splitlines() if "ERROR" in line or "Exception" in line] or said.splitlines()
        raise HdfsError(f"HDFS made no checkpoint (exit status {done.returncode}): {''.join(lines[:1])}")
    return "HDFS's log of changes is merged into its image"
