"""A letter on disk: whole or not there, whoever reads while it is written; a damaged one is named."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.errors import RequestError
from core.letter import AgentDay, Cause, Costs, FillLine, HeldLine, Letter, OrderLine, ShadowBookDay, Tracking
from daemon.letter_store import LetterStore

COSTS = Costs(fills=1, value_usd=1_000.5, assumed_bps=3.5, seen_bps=None, cost_usd=0.35, fees_usd=0.0)


@pytest.fixture(scope="module")
def letter() -> Letter:
    return Letter(
        session="2021-11-26", written_at="2021-11-26T21:20:00Z", route="paper", profile="runbook", state="active",
        equity=100_000.25, equity_before=None, return_day=-0.001, paid_in=0.0, steps=3, decisions=1,
        proven_steps=3, unproven=[], refused=[], tomorrow=[], notes=["a note"],
        missed=["no step from 11:00 to 12:05 New York"],
        sent=[OrderLine(symbol="A", side="buy", quantity=1.5, reference_price=2.0, rule="r", status="filled")],
        fills=[
            FillLine(
                symbol="A", side="buy", quantity=1.5, price=2.0, reference_price=2.0, cost_bps=0.0, fee=0.0,
                rule="r",
            ),
        ],
        costs_day=COSTS, costs_to_date=COSTS,
        tracking=Tracking(against="runbook", causes=[Cause(name="fees", usd=None, note="none")]),
        shadow_books=[
            ShadowBookDay(name="b", equity=1.0, return_day=None, excess_day=0.1, e_value=1.2, state="not known"),
        ],
        held=[
            HeldLine(
                symbol="A", quantity=1.5, last_price=2.0, value_usd=3.0, profit_pct=0.0, stop_price=1.9,
                target_price=None,
            ),
        ],
        agents=[AgentDay(name="rl", spoke=0, abstained=1, reasons=["no model"])],
    )  # fmt: skip


def test_what_is_kept_comes_back_and_the_newest_is_given_without_a_day(letter: Letter, tmp_path: Path) -> None:
    store = LetterStore(tmp_path / "letters")
    assert store.read("") is None
    assert store.sessions() == ()
    later = replace(letter, session="2031-01-02")
    for one in (later, letter):
        store.save(one, "a page")
    assert store.read("") == later
    assert store.sessions() == ("2031-01-02", letter.session)
    assert store.read(letter.session) == letter
    assert store.read("1999-01-04") is None
    assert (tmp_path / "letters" / f"{letter.session}.html").read_text() == "a page"


def test_a_reader_never_meets_a_part_of_one(letter: Letter, tmp_path: Path) -> None:
    store, stopped = LetterStore(tmp_path), threading.Event()
    store.save(letter, "")

    def write() -> None:
        while not stopped.is_set():
            store.save(letter, "")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert all(store.read("") == letter for _ in range(300))
    finally:
        stopped.set()
        writer.join()


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b'{"session": 3}', b"null"])
def test_a_damaged_one_is_named(damage: bytes, letter: Letter, tmp_path: Path) -> None:
    store = LetterStore(tmp_path)
    store.save(letter, "")
    (tmp_path / f"{letter.session}.json").write_bytes(damage)
    with pytest.raises(RequestError, match=f"{letter.session}.json cannot be read") as refused:
        store.read("")
    assert refused.value.status == 404
