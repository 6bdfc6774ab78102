"""`lakehouse readme`: writes anew what the README and docs/scale.md have from contracts and measured costs."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
def command() -> None:
    """Write the README's table of event types and the sizes of docs/scale.md anew."""
    from lakehouse.contract.load import load_contracts
    from lakehouse.contract.model import ContractError
    from lakehouse.settings import CHECKOUT, Settings, SettingsError
    from operations import event_table, size_report

    try:
        contracts = load_contracts(Settings.load().contracts)
    except (ContractError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    _renew(CHECKOUT / "README.md", "event types", event_table.markdown(contracts))
    _renew(CHECKOUT / "docs" / "scale.md", "sizes", size_report.markdown(contracts))


def _renew(file: Path, name: str, content: str) -> None:
    """Puts the content, which ends with a newline, between the file's marks of that name."""
    import re

    marks = rf"(<!-- {name}: .*? -->\n).*?(<!-- end of {name} -->)"
    text, found = re.subn(marks, lambda m: f"{m[1]}{content}{m[2]}", file.read_text(), flags=re.DOTALL)
    if not found:
        raise click.ClickException(f"{file} has no place for its table (<!-- {name}: ... -->)")
    file.write_text(text)
