"""The matrix: the faults, the points of a job at which they happen, and the trials made of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

# Where a job stands when the fault happens. Hooks are named points in the code (jobs/runtime/hooks.py). Watched points
# have none: the harness sees them in HDFS and strikes at that moment. Tasks are run by Airflow. `load`: no job, events
# alone.
DRAIN_HOOKS = ("before_plan", "after_plan", "before_raw", "after_raw")
PUBLISH_HOOKS = (
    "after_candidates",
    "after_stage",
    "before_audit",
    "before_decide",
    "after_decide",
    "before_register",
    "during_register",
    "between_tables",
    "after_quarantine",
    "before_done",
    "after_done",
)
HOOKS = DRAIN_HOOKS + PUBLISH_HOOKS
LAST_OF_DRAIN = "after_raw"  # behind it drain writes nothing more
WATCHED = {
    "raw_not_committed": "drain",
    "raw_not_answered": "drain",
    "candidate_written": "publish",
    "table_not_committed": "publish",
    "table_not_answered": "publish",
}
TASKS = {"task_drain": "drain", "task_publish": "publish"}
LOAD = "load"
POINTS = (LOAD, *DRAIN_HOOKS, "raw_not_committed", "raw_not_answered", "candidate_written") + (
    *PUBLISH_HOOKS,
    "table_not_committed",
    "table_not_answered",
    *TASKS,
)

JOB, ZOMBIE, CONTRACT, SCHEDULER, WORKER = "job", "zombie", "contract", "scheduler", "worker"
KAFKA_DISK, HDFS_DISK, SAFE_MODE = "kafka-disk", "hdfs-disk", "safe-mode"
SERVERS = ("api", "kafka", "namenode", "datanode", "metastore", "spark", "trino")
FAULTS = {
    JOB: "kill -9 of the job",
    ZOMBIE: "the job stopped (SIGSTOP), another run finished, then the first continued",
    CONTRACT: "kill -9 of the job, a contract changed before the next try",
    "api": "kill -9 of the API",
    "kafka": "kill -9 of the broker",
    "namenode": "kill -9 of the NameNode",
    "datanode": "kill -9 of the DataNode",
    "metastore": "kill -9 of the metastore",
    "spark": "kill -9 of Spark Connect, and of the job at a watched point",
    WORKER: "kill -9 of Spark's Python workers",
    "trino": "kill -9 of Trino",
    SCHEDULER: "kill -9 of Airflow's scheduler and its tasks",
    KAFKA_DISK: "Kafka's disk full",
    HDFS_DISK: "HDFS full (space quota)",
    SAFE_MODE: "NameNode in safe mode",
}

# Which faults are tried at which points.
PAIRS: dict[str, tuple[str, ...]] = {
    JOB: HOOKS + tuple(WATCHED),
    ZOMBIE: HOOKS,
    CONTRACT: (
        "after_raw",
        "after_stage",
        "before_decide",
        "after_decide",
        "during_register",
        "between_tables",
        "after_quarantine",
        "before_done",
    ),
    "api": (LOAD, "after_plan", "before_decide"),
    "kafka": (LOAD, "before_plan", "after_plan", "before_raw", "after_stage", "before_done", "after_done"),
    "namenode": (
        "before_plan",
        "before_raw",
        "after_raw",
        "after_candidates",
        "after_stage",
        "before_decide",
        "after_decide",
        "between_tables",
        "before_done",
    ),
    "datanode": ("before_raw", "after_stage", "before_decide", "between_tables", "after_quarantine", "before_done"),
    "metastore": ("before_audit", "before_register", "during_register", "between_tables"),
    "spark": (
        "before_raw",
        "after_raw",
        "after_candidates",
        "after_stage",
        "before_decide",
        "after_decide",
        "between_tables",
        "before_done",
        *WATCHED,
    ),
    WORKER: ("candidate_written",),
    "trino": ("after_decide", "before_done"),
    SCHEDULER: tuple(TASKS),
    KAFKA_DISK: (LOAD, "before_raw", "after_plan"),
    HDFS_DISK: (
        "before_plan",
        "before_raw",
        "after_raw",
        "after_stage",
        "before_decide",
        "between_tables",
        "before_done",
    ),
    SAFE_MODE: ("before_raw", "after_stage", "before_decide", "between_tables", "before_done"),
}
TWICE = (JOB,)  # faults tried with two seeds


@dataclass(frozen=True, order=True)
class Trial:
    """One fault at one point; `seed` makes its events and its choices."""

    fault: str
    point: str
    seed: int

    def __str__(self) -> str:
        return f"{self.fault}@{self.point}#{self.seed}"

    @property
    def job(self) -> str:
        """The job that stands at the point."""
        if self.point in PUBLISH_HOOKS:
            return "publish"
        return {**WATCHED, **TASKS}.get(self.point, "drain")


def whole(seed: int) -> list[Trial]:
    """Every trial."""
    return [
        Trial(fault, point, each)
        for fault, points in PAIRS.items()
        for each in ((seed, seed + 1) if fault in TWICE else (seed,))
        for point in points
    ]


def short(seed: int) -> list[Trial]:
    """A few trials of different kinds, for every run of the tests."""
    return [
        Trial(JOB, "raw_not_committed", seed),
        Trial(ZOMBIE, "before_decide", seed),
        Trial("kafka", LOAD, seed),
        Trial("spark", "after_decide", seed),
        Trial("namenode", "between_tables", seed),
    ]


def matching(trials: list[Trial], patterns: Sequence[str]) -> list[Trial]:
    """The trials whose `fault@point#seed` matches one of the shell patterns, if there are any.

    A pattern without `*` may stand anywhere in it.

    Raises:
        ValueError: a pattern matches no trial.
    """
    shells = [pattern if "*" in pattern else f"*{pattern}*" for pattern in patterns]
    for pattern, shell in zip(patterns, shells, strict=True):
        if not any(fnmatchcase(str(trial), shell) for trial in trials):
            raise ValueError(f"no trial matches {pattern!r}; they look like {trials[0]}")
    return [trial for trial in trials if not shells or any(fnmatchcase(str(trial), shell) for shell in shells)]
