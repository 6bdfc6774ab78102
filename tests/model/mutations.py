"""Mutations: every sentence of the protocol that can be left out, and the configuration that shows what it is for."""

from __future__ import annotations

from typing import NamedTuple

SENTENCES = {
    "same_snapshot": "the plan comes from the very ledger snapshot whose newest ingest was seen in raw",
    "raw_before_stage": "whoever stages an ingest first appends its rows to raw",
    "balance": "an ingest is not decided unless every planned offset is in raw or recorded lost",
    "raw_txn": "raw takes a batch once: transaction id of the batch",
    "plan_txn": "an entry is planned once: transaction id of the plan",
    "decide_txn": "an entry is decided once: transaction id of the decision",
    "publish_txn": "a table takes an entry once: transaction id of publishing",
    "actions_txn": "the actions take an entry once: transaction id of publishing",
    "done_txn": "an entry is done once: transaction id of done",
    "loss_txn": "a loss has a number of its own: transaction id of the loss",
    "facts_txn": "a build from older entries is refused: transaction id of the build",
    "read_back": "an attempt publishes what the ledger says was decided, not what it staged",
    "decided_once": "a retry never decides again",
    "decided_stays": "a decided entry is never abandoned: both share one transaction id",
    "ingest_stays": "an ingest is never abandoned",
    "one_by_one": "an entry is staged after the one before it is closed",
    "abandon_lowest": "only the lowest open entry is abandoned",
    "later_days": "an ingest looks for earlier arrivals on later days, too",
    "all_batches": "duplicates are looked for in all batches",
    "recheck": "a replay stages only what is open in quarantine when it stages",
    "earlier_only": "an action closes only quarantine rows of earlier entries",
    "act_all": "replay and rebuild write an action for every open row they took",
    "rebuild_bound": "a rebuild judges and swaps batches up to its bound only",
    "audit_left": "a rebuild leaves alone what is open as audit:*",
    "reused_left": "a rebuild leaves alone what is open as event_id_reused",
    "discards_left": "a rebuild leaves alone what was discarded",
    "some_tables": "a rebuild of some tables does nothing to messages of the others, in quarantine neither",
    "refused": "a row that breaks a rule of rows is not published",
    "refused_kept": "a refused row goes to quarantine",
    "others_published": "the others of its entry are published",
    "only_culprits": "none but rows that break a rule of rows are refused",
    "replay_not_held": "rules of rows never hold a replay, however many rows break them",
    "waiver_of_rows": "a rebuild refuses no row that a waiver accepted",
    "failed_rebuild": "a rebuild whose audit fails is abandoned",
    "same_is_nothing": "a rebuild that would change nothing publishes nothing",
    "waiver_kept": "a rebuild leaves what was published under a waiver out of its audit",
    "waiver_by_action": "the actions say what was published under a waiver (a row's entry changes with each rebuild)",
    "waived_published": "the action `waived` is written for published rows only; the rest of a waived replay is `replayed`",
    "erase_drains": "an erase drains all that is in Kafka before it plans",
    "erase_time_first": "the time of an erase is taken before it drains",
    "erase_drains_on": "it goes on draining until the cursor is there, also if another run takes the number of its batch",
    "erase_through_last": "an erase takes all batches below its own entry (not those below a number it read before)",
    "erase_raw_last": "an erase deletes from raw last",
    "erase_staged": "an erase deletes by the coordinates that were staged, not by asking raw again",
    "erased_counted": "a rebuild compares raw + erased with what ingests counted",
    "counts_below": "it compares all batches below its own entry (an erase's counts do not know the batch)",
    "suppression": "publish, replay and rebuild leave out messages that an erase covers",
    "loss_subtracted": "what is read is the plan minus recorded losses",
    "loss_recorded": "a plan starts at the cursor: what is lost lies inside a plan and is on record",
    "loss_or_raw": "an offset that is recorded lost may be in raw all the same (a zombie read it in time)",
    "stops_on_loss": "a run that finds its range expired stops and moves nothing",
    "ledger_first": "a rollup reads built_through before it reads the tables",
}


class Mutation(NamedTuple):
    """Sentences left out, and a configuration in which that violates an invariant. Its message contains `how`."""

    without: tuple[str, ...]
    scenario: str
    runs: str
    how: str


MUTATIONS = (
    Mutation(("same_snapshot",), "PAIR", "II", "STUCK"),
    Mutation(("raw_before_stage", "balance"), "ONE", "II", "0 places"),
    Mutation(("raw_txn",), "ONE", "II", "twice"),
    Mutation(("plan_txn",), "ONE", "II", "the one before ended"),
    Mutation(("decide_txn",), "ONE", "III", "decided twice"),
    Mutation(("publish_txn",), "ONE", "II", "twice"),
    Mutation(("done_txn",), "ONE", "IIR", "counted"),
    Mutation(("read_back",), "ONE", "II", "decided was"),
    Mutation(("decided_once",), "ONE", "III", "decided twice"),
    Mutation(("decided_stays",), "ONE", "IP", "decided twice"),
    Mutation(("ingest_stays",), "ONE", "II", "is abandoned"),
    Mutation(("one_by_one",), "ONE", "IPP", "STUCK"),
    Mutation(("abandon_lowest",), "ONE", "IPPR", "STUCK"),
    Mutation(("later_days",), "LATE", "I", "twice"),
    Mutation(("all_batches",), "PAIR", "II", "twice"),
    Mutation(("recheck",), "ONE", "IPP", "twice"),
    Mutation(("earlier_only",), "ONE", "IP", "0 places"),
    Mutation(("act_all",), "ONE", "IP", "2 places"),
    Mutation(("rebuild_bound",), "TWO", "IIR", "twice"),
    Mutation(("audit_left",), "AUDIT1", "IR", "fails its audit"),
    Mutation(("reused_left",), "REUSED", "IER", "moved"),
    Mutation(("discards_left",), "ONE", "IXR", "discarded"),
    Mutation(("some_tables",), "BOTH_BAD", "IS", "2 places"),
    Mutation(("refused",), "REFUSE", "I", "without audit or waiver"),
    Mutation(("refused_kept",), "REFUSE", "I", "0 places"),
    Mutation(("others_published",), "REFUSE", "I", "0 places"),
    Mutation(("only_culprits",), "REFUSE", "I", "which break no rule"),
    Mutation(("replay_not_held",), "CROWD", "IP", "held by rules of rows"),
    Mutation(("waiver_of_rows",), "GIFT", "IWR", "moved"),
    Mutation(("failed_rebuild",), "AUDIT3", "IIR", "moved"),
    Mutation(("same_is_nothing",), "ONE", "IRR", "repeats a rebuild"),
    Mutation(("waiver_kept",), "WAIVED", "IWR", "fails its audit"),
    Mutation(("waiver_by_action",), "WAIVED", "IWRR", "fails its audit"),
    Mutation(("waived_published",), "WAIVED_BAD", "IWR", "without audit or waiver"),
    Mutation(("erase_drains",), "TWO", "IE", "erased player"),
    Mutation(("erase_time_first",), "TWO", "IE", "erased player"),  # although what comes between is suppressed
    Mutation(("erase_drains_on",), "TWO", "IEX", "erased player"),
    Mutation(("erase_through_last",), "PLAYER_TWIN", "IIE", "0 places"),
    Mutation(("erase_raw_last",), "ONE", "IE", "cannot be rebuilt"),
    Mutation(("erase_raw_last", "erase_staged"), "ONE", "IE", "cannot be rebuilt"),
    Mutation(("erased_counted",), "PLAYER_BAD", "IER", "refuses"),
    Mutation(("counts_below",), "TWO", "IIER", "refuses"),
    Mutation(("loss_subtracted",), "TWO", "IIKL", "STUCK"),
    Mutation(("loss_recorded",), "TWO", "IK", "the one before ended"),
    Mutation(("loss_or_raw",), "TWO", "IIKL", "STUCK"),
    Mutation(("stops_on_loss",), "TWO", "IK", "STUCK"),  # the balance finds it, too late to accept the loss
    Mutation(("stops_on_loss", "balance"), "TWO", "IK", "LOST"),
    Mutation(("ledger_first",), "ONE", "IU", "nothing starts another build"),
)


class Needless(NamedTuple):
    """A sentence without which the protocol holds as well, why, and where that was tried."""

    without: str
    why: str
    configurations: tuple[tuple[str, str], ...]


NEEDLESS = (
    Needless("balance", "a guard: the other sentences bring all of a batch to raw", (("PAIR", "II"), ("TWO", "IKL"))),
    Needless(
        "raw_before_stage",
        "the balance stops who comes too early, and the next drain appends",
        (("ONE", "II"), ("TWO", "II")),
    ),
    Needless(
        "actions_txn",
        "the view asks whether an action exists: the same one twice is one",
        (("ONE", "IIP"), ("ONE", "IXR")),
    ),
    Needless("loss_txn", "losses are a set of offsets: the same one twice is one", (("TWO", "IKLL"), ("ONE", "IIKLL"))),
    Needless(
        "facts_txn",
        "an older build that comes last carries its number, and so starts another build",
        (("ONE", "IUU"), ("ONE", "IPUU")),
    ),
    Needless(
        "erase_staged",
        "as long as raw is deleted last, raw gives the same coordinates again",
        (("ONE", "IE"), ("PLAYERS", "IIE")),
    ),
    Needless(
        "suppression",
        "an erase takes its time, drains up to it, then plans: all it covers is in lower entries, which are closed before "
        "it is staged. With a time taken later suppression does not help: the message stays in raw (erase_time_first)",
        (
            ("PLAYER_BAD", "IE"),
            ("PLAYERS", "IIE"),
            ("PLAYER_TWIN", "IIE"),
            ("PLAYER_BAD", "IEP"),
            ("PLAYER_BAD", "IER"),
        ),
    ),
)
