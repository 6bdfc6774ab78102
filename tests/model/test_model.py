"""The ledger's protocol, explored exhaustively in small configurations: it holds, and needs each of its sentences."""

from __future__ import annotations

import pytest

from tests.model import scenarios
from tests.model.__main__ import run
from tests.model.explore import Explorer
from tests.model.mutations import MUTATIONS, NEEDLESS, SENTENCES, Mutation, Needless
from tests.model.protocol import Protocol
from tests.model.state import COMMITS, State

pytestmark = pytest.mark.timeout(300)


def test_no_state_violates_an_invariant() -> None:
    states, commits = 0, set[str]()
    for name, runs in scenarios.QUICK:
        result = run(name, runs)
        assert result.violation is None, f"{name} {runs}: {result.violation}\n" + "\n".join(result.trace)
        assert result.complete, f"{name} {runs} was cut off"
        states += result.states
        commits |= result.commits
    assert states > 300_000
    assert commits == set(COMMITS), "a commit that never changes anything is not explored"


@pytest.mark.parametrize(("name", "runs"), scenarios.QUICK_FINE)
def test_refused_commits_are_as_harmless_as_skipped_ones(name: str, runs: str) -> None:
    result = run(name, runs, fine=True)
    assert result.violation is None, "\n".join([result.violation or "", *result.trace])


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: "+".join(m.without))
def test_a_protocol_without_this_sentence_is_caught(mutation: Mutation) -> None:
    result = run(mutation.scenario, mutation.runs, mutation.without)
    assert result.violation is not None, f"nothing is wrong without: {[SENTENCES[s] for s in mutation.without]}"
    assert mutation.how in result.violation
    assert len(result.trace) > 0


@pytest.mark.parametrize("sentence", NEEDLESS, ids=lambda n: n.without)
def test_a_needless_sentence_is_needless(sentence: Needless) -> None:
    for name, runs in sentence.configurations[:2]:
        result = run(name, runs, (sentence.without,))
        assert result.violation is None, "\n".join([result.violation or "", *result.trace])


def test_every_sentence_is_either_needed_or_known_to_be_needless() -> None:
    alone = {m.without[0] for m in MUTATIONS if len(m.without) == 1}
    assert alone | {n.without for n in NEEDLESS} == set(SENTENCES)
    assert not alone & {n.without for n in NEEDLESS}


@pytest.mark.parametrize(
    ("name", "runs"), [("TWO", "III"), ("ONE", "IPR"), ("ONE", "IE"), ("TWO", "IIKL"), ("WAIVED", "IW")]
)
def test_reductions_hide_no_state_of_the_tables(name: str, runs: str) -> None:
    def tables(reduces: bool) -> set[State]:
        explorer = Explorer(Protocol(getattr(scenarios, name), loses="K" in runs), runs)
        explorer.reduces = reduces
        return explorer.visited()

    assert tables(True) == tables(False)


def test_a_misspelt_sentence_is_refused() -> None:
    with pytest.raises(ValueError, match="no such sentence"):
        run("ONE", "I", ("publish_txm",))
