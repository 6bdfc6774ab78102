"""Lists everything that the checkout carries: the packages of all locks, the servers' jars and what is inside of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lakehouse.settings import CHECKOUT
from release import jars, packages
from release.component import Component
from release.policy import Policy
from stack.downloads import expected, is_complete

LOCKS = ("api", "bootstrap", "dbt", "lock", "notebook")  # of requirements/
ENVIRONMENTS = (".venv", ".venv-dbt", ".venv-notebook")
_SITE_PACKAGES = "lib/python3.11/site-packages"
SERVERS = ".servers"  # as the place of what is there, wherever LAKEHOUSE_SERVERS says that it is
PYSPARK_JARS = f".venv/{_SITE_PACKAGES}/pyspark/jars"


class InventoryError(ValueError):
    """Something that is to be listed is not here; the message says how to get it."""


@dataclass(frozen=True)
class Inventory:
    """All components, each with its licence, in the order of their names."""

    packages: tuple[Component, ...]
    jars: tuple[Component, ...]

    def top(self) -> tuple[Component, ...]:
        """Packages and jars, without what is inside of jars."""
        return self.packages + self.jars

    def all(self) -> list[Component]:
        """Packages, jars and what is inside of jars."""
        return [each for top in self.top() for each in top.all()]


def take(policy: Policy, servers: Path, checkout: Path = CHECKOUT) -> Inventory:
    """Reads the checkout's locks, environments and jars.

    Raises:
        InventoryError: the jars or an environment are not here.
        LockError, JarError: one of them cannot be listed.
    """
    installed = [checkout / environment / _SITE_PACKAGES for environment in ENVIRONMENTS]
    for folder in installed:
        if not folder.is_dir():
            raise InventoryError(f"{folder} is not there, so licences of its packages are unknown: run `make sbom`")
    if not is_complete(servers):
        raise InventoryError(f"the servers' jars are not in {servers}: run `make jars`")
    locks = {f"requirements/{name}.txt": (checkout / "requirements" / f"{name}.txt").read_text() for name in LOCKS}
    files = {file: f"{SERVERS}/{file.relative_to(servers)}" for file in servers.rglob("*.jar")}
    files |= {file: f"{PYSPARK_JARS}/{file.name}" for file in (checkout / PYSPARK_JARS).glob("*.jar")}
    found = jars.read_all(files, policy.groups)
    found += archives(expected(), servers, policy)
    return Inventory(
        tuple(map(policy.resolve, packages.read_all(locks, installed))),
        tuple(
            sorted(map(policy.resolve, found), key=lambda each: (each.key, each.version, each.classifier, each.where))
        ),
    )


def archives(wanted: dict[str, str], servers: Path, policy: Policy) -> list[Component]:
    """What was fetched and is here only as the files that were unpacked from it."""
    found = []
    for path, digest in sorted(wanted.items()):
        if (servers / path).exists():
            continue
        file = Path(path)
        suffix = "tar.gz" if file.name.endswith(".tar.gz") else "jar"
        own = jars.named(file.name.removesuffix(f".{suffix}"), policy.groups, path)
        place = f"{SERVERS}/{file.parent}"
        found.append(replace(own, sha256=(digest,), suffix=suffix, places=(place,), where=(f"docker/jars/{path}",)))
    return found
