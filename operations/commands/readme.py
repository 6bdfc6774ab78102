"""`lakehouse readme`: writes the README's table of event types anew from the contracts."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """Write the README's table of event types anew."""
    import re

    from lakehouse.contract.load import load_contracts
    from lakehouse.contract.model import ContractError
    from lakehouse.settings import CHECKOUT, Settings, SettingsError
    from operations.event_table import markdown

    try:
        table = markdown(load_contracts(Settings.load().contracts))
    except (ContractError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    file = CHECKOUT / "README.md"
    marks = r"(<!-- event types: .*? -->\n).*?(<!-- end of event types -->)"
    text, found = re.subn(marks, lambda m: f"{m[1]}{table}{m[2]}", file.read_text(), flags=re.DOTALL)
    if not found:
        raise click.ClickException(f"{file} has no place for the table (<!-- event types: ... -->)")
    file.write_text(text)
