"""`make release-check` runs every check, says which fails and why, and finds what must not be in the tree."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lakehouse.settings import CHECKOUT, Settings
from release import __main__ as command
from release import changelog, check, page
from release.check import CheckError, Checkout, addresses, clean, locks, registry_hosts, version
from release.inventory import Inventory
from tests.unit.release.made import component, rules


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def checkout(tmp_path: Path, said: list[str]) -> Checkout:
    """A repository of one commit."""
    git(tmp_path, "init", "-q")
    (tmp_path / "README.md").write_text("text\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return Checkout(said.append, tmp_path / ".servers", tmp_path)


def test_a_clean_tree_is_clean_and_a_new_or_changed_file_is_named(checkout: Checkout) -> None:
    assert clean(checkout).startswith("commit ")
    (checkout.folder / "new.txt").write_text("x")
    with pytest.raises(CheckError, match=r"new.txt is not committed \(1 such files\)"):
        clean(checkout)
    (checkout.folder / "README.md").write_text("changed")
    with pytest.raises(CheckError, match=r"README.md is not committed \(2 such files\)"):
        clean(checkout)


def test_no_repository_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckError, match="git status --porcelain: .*not a git repository"):
        clean(Checkout(print, tmp_path, tmp_path))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("see https://files.{}hosted.org/x".format("python"), "the address of a registry"),
        ("https://repo.maven.{}.org/maven2".format("apache"), "the address of a registry"),
        ("pip install --{}-url x".format("index"), "an option that names a registry"),
        ("cd /{}/me/project".format("home"), "a path of somebody's machine"),
        ("cd /{}/project".format("work"), "a path of somebody's machine"),
        ("https://registry.example.org/simple", "the address of this machine's registry"),
    ],
)
def test_an_address_or_a_path_in_the_tree_is_found_with_its_line(
    text: str, what: str, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://somebody:password@registry.example.org/simple")
    assert addresses(checkout) == "none in 1 files"
    (checkout.folder / "notes.md").write_text(f"first\n{text}\n")
    assert addresses(checkout) == "none in 1 files"  # it is no file of the project yet
    git(checkout.folder, "add", ".")
    with pytest.raises(CheckError, match=f"notes.md:2 holds {what}"):
        addresses(checkout)


def test_the_path_of_the_checkout_is_found_and_pictures_are_passed_over(checkout: Checkout) -> None:
    (checkout.folder / "picture.png").write_bytes(b"\0" + str(checkout.folder).encode())
    git(checkout.folder, "add", ".")
    assert addresses(checkout) == "none in 2 files"
    (checkout.folder / "README.md").write_text(f"it is in {checkout.folder}")
    with pytest.raises(CheckError, match="README.md:1 holds the path of this checkout"):
        addresses(checkout)


def test_this_project_holds_none() -> None:
    assert addresses(Checkout(print, Path())).startswith("none in ")


def test_hosts_of_registries_are_those_that_the_environment_names() -> None:
    named = {
        "UV_INDEX": "own=https://a.example/simple https://b.example/simple",
        "PIP_INDEX_URL": "http://127.0.0.1:3/x",
    }
    assert registry_hosts(named) == ["a.example", "b.example"]
    assert registry_hosts({}) == []


def test_version_and_changelog_are_read_and_a_wrong_tag_is_found(checkout: Checkout) -> None:
    (checkout.folder / "CHANGELOG.md").write_text((CHECKOUT / "CHANGELOG.md").read_text())
    git(checkout.folder, "tag", "v9.9.9")
    with pytest.raises(changelog.ChangelogError, match=r"v9\.9\.9"):
        version(checkout)


LOCKING = """\
READY := ready
lock: $(READY)
\t@[ -z '{}' ] || [ -z "$$UV_OFFLINE" ]
\t@cat requirements/a.in > requirements/a.txt
"""


def with_locks(checkout: Checkout, online: str = "") -> Checkout:
    (checkout.folder / "Makefile").write_text(LOCKING.format(online))
    (checkout.folder / "requirements").mkdir()
    for suffix in ("in", "txt"):
        (checkout.folder / "requirements" / f"a.{suffix}").write_text("a==1\n")
    return checkout


@pytest.mark.parametrize(("online", "how"), [("", "from the cache"), ("x", "from the registries")])
def test_locks_that_would_stay_hold_and_the_cache_is_asked_first(checkout: Checkout, online: str, how: str) -> None:
    assert locks(with_locks(checkout, online)) == f"compiled again {how}: no change"


def test_a_lock_that_would_change_is_named_and_left_as_it_is(checkout: Checkout) -> None:
    (with_locks(checkout).folder / "requirements" / "a.in").write_text("a==2\n")
    with pytest.raises(CheckError, match=r"requirements/a.txt is not what its .in file gives: run `make lock`"):
        locks(checkout)
    assert (checkout.folder / "requirements" / "a.txt").read_text() == "a==1\n"


def test_locks_that_cannot_be_made_fail_with_the_last_lines(checkout: Checkout, said: list[str]) -> None:
    with_locks(checkout)
    (checkout.folder / "Makefile").write_text("lock:\n\t@echo no network; exit 3\n")
    with pytest.raises(CheckError, match="`make --directory` failed; its last lines are above"):
        locks(checkout)
    assert "no network" in "\n".join(said)


def test_all_checks_run_behind_one_that_fails(checkout: Checkout, said: list[str]) -> None:
    def fails(_: Checkout) -> str:
        raise CheckError("a is not b: change a")

    assert check.check(checkout, {"first": fails, "second": lambda _: "holds"}) == ["first: a is not b: change a"]
    assert said == ["== first", "  FAILED: a is not b: change a", "== second", "  holds"]


def test_a_licence_that_is_not_allowed_fails_the_check(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a dependency under the AGPL would do."""
    checkout.__dict__["policy"] = rules()
    checkout.__dict__["inventory"] = Inventory((), (component(), component("new", "AGPL-3.0-only")))
    with pytest.raises(CheckError, match="g:new 1.0 is under AGPL-3.0-only, which is not on the list"):
        check.licences(checkout)
    checkout.__dict__["inventory"] = Inventory((), (component(),))
    monkeypatch.setattr(page, "PAGE", tmp_path / "licences.md")
    page.PAGE.write_text("old")
    with pytest.raises(CheckError, match=r"docs/licences.md is not what is inside: run `make licences`"):
        check.licences(checkout)
    page.PAGE.write_text(check.licences_page(checkout))
    assert check.licences(checkout) == "1 licences, all allowed or accepted"
    checkout.__dict__["policy"] = rules(said=[{"of": ["g:gone"], "licence": "MIT", "seen": "x"}])
    with pytest.raises(CheckError, match="names what is not inside any more, take it out: said: g:gone"):
        check.licences(checkout)


@pytest.mark.parametrize("fails", [True, False])
def test_the_command_ends_with_what_failed_and_says_what_it_left_out(
    fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_: Any) -> str:
        if fails:
            raise CheckError("a is not b")
        return "holds"

    monkeypatch.setattr(check, "CHECKS", {"one": run})
    monkeypatch.setattr(Settings, "load", lambda: Settings())
    result = CliRunner().invoke(command.main, ["check"])
    assert result.exit_code == int(fails)
    assert "Not part of it: the tests that need servers." in result.output
    assert ("is not ready: 1 of 1 checks failed\n  one: a is not b\n" in result.output) == fails
    assert ("All 1 checks hold for" in result.output) != fails


def test_what_is_in_no_commit_has_the_time_of_now(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert check.commit_time() == check.commit_time()
    monkeypatch.setattr(check, "CHECKOUT", tmp_path)
    assert check.commit_time().tzinfo is not None
