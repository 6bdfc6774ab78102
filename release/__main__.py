"""`make sbom`, `make licences` and `make release-check`."""

from __future__ import annotations

import sys

import click

from lakehouse.settings import Settings, SettingsError
from lakehouse.version import VERSION
from release import check, page
from release.inventory import InventoryError
from release.jars import JarError
from release.packages import LockError
from release.policy import PolicyError
from release.sbom import SbomError


@click.group()
def main() -> None:
    """What a release is checked by."""


@main.command()
def sbom() -> None:
    """Write build/sbom.cdx.json: all packages, jars and what is inside of jars, with hashes and licences."""
    click.echo(check.write_sbom(_checkout().inventory))


@main.command()
def licences() -> None:
    """Write docs/licences.md, and say which components no rule of release/licences.yaml lets in."""
    checkout = _checkout()
    page.PAGE.write_text(check.licences_page(checkout))
    objections = [each for one in checkout.inventory.all() if (each := checkout.policy.objection(one))]
    click.echo(
        "\n".join(dict.fromkeys(objections)) or f"{page.PAGE.name} is written; every licence is allowed or accepted."
    )
    if objections:
        raise click.ClickException(f"{len(set(objections))} components may not stay as they are")


@main.command(name="check")
def check_all() -> None:
    """Check everything that must hold before a release, except for the tests that need servers."""
    failures = check.check(_checkout())
    click.echo(check.NOT_CHECKED)
    if failures:
        lines = "".join(f"\n  {failure}" for failure in failures)
        raise click.ClickException(
            f"{VERSION} is not ready: {len(failures)} of {len(check.CHECKS)} checks failed{lines}"
        )
    click.echo(f"All {len(check.CHECKS)} checks hold for {VERSION}.")


def _checkout() -> check.Checkout:
    return check.Checkout(lambda text: click.echo(text), Settings.load().servers.absolute())


if __name__ == "__main__":
    try:
        main()
    except (SettingsError, InventoryError, JarError, LockError, PolicyError, SbomError) as error:
        sys.exit(f"Error: {error}")
