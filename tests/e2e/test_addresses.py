"""Each address that the README and `make status` give to people opens."""

from __future__ import annotations

import ipaddress
import re

import psutil
import requests

from lakehouse.settings import CHECKOUT, Settings
from stack.processes import stack_processes
from stack.status import status
from tests.real import Real

_ROW = re.compile(r"^\|[^|]*\| (<http://127\.0\.0\.1:.*?) \|", re.MULTILINE)


def readme_addresses(offset: int) -> list[str]:
    """Of the table under *Pages*, with this stack's ports: `<http://host:port/path>` and paths beside it."""
    found: list[str] = []
    for row in _ROW.findall((CHECKOUT / "README.md").read_text()):
        port, path = re.findall(r"<http://127\.0\.0\.1:(\d+)([^>]*)>", row)[0]
        base = f"http://127.0.0.1:{int(port) + offset}"
        found += [base + path, *[base + other for other in re.findall(r"`(/[^`]+)`", row)]]
    return found


def status_addresses(settings: Settings) -> list[str]:
    return [part for line in status(settings).services for part in line.address.split() if part.startswith("http")]


def test_each_address_of_the_readme_and_of_make_status_opens(stack: Real) -> None:
    addresses = [*readme_addresses(stack.settings.port_offset), *status_addresses(stack.settings)]
    assert len(addresses) >= 13
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Accept"] = "text/html,*/*;q=0.8"
        answers = {address: session.get(address, timeout=60).status_code for address in addresses}
    assert {address: code for address, code in answers.items() if code != 200} == {}


def test_no_process_of_the_stack_listens_to_other_machines(stack: Real) -> None:
    processes = [each for service in stack_processes(stack.settings.state).values() for each in service]
    listening = [
        (process.name(), each.laddr)
        for process in processes
        for each in process.net_connections(kind="inet")
        if each.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 13
    assert [(name, at) for name, at in listening if not is_loopback(at.ip)] == []


def is_loopback(text: str) -> bool:
    """Java writes 127.0.0.1 as an address of IPv6."""
    address = ipaddress.ip_address(text)
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
