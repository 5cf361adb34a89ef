"""Which last prices are believed; the expected answers are those a person would give who sees the polls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import exp, inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.feeds.quote_references import Reference
from adapters.feeds.quotes import BelievedQuotes, QuoteHistory, believe
from core.types import Quote

OPENED = datetime(2024, 5, 6, 13, 30, tzinfo=UTC)
POLL = timedelta(minutes=5)
CLOSES = {"META": 500.0, "KO": 60.0, "CAT": 340.0, "PLD": 120.0}
VOLATILITY = 0.015


def reference(symbol: str) -> Reference:
    return Reference(CLOSES.get(symbol), VOLATILITY)


class Line:
    """A vendor's line: every poll shows all symbols at their close but for what is given."""

    def __init__(self) -> None:
        self.at = OPENED + timedelta(minutes=30)
        self.last = BelievedQuotes()

    def poll(self, prices: Mapping[str, float] | None = None, *, after: timedelta = POLL, **fields: Any) -> str:
        """Poll once more; return why META is doubted, empty when it is believed."""
        self.at += after
        shown = CLOSES | dict(prices or {})
        quotes = {name: Quote(symbol=name, price=price, at=self.at) for name, price in shown.items()}
        if fields:
            quotes["META"] = Quote(symbol="META", price=shown["META"], at=self.at, **fields)
        self.last = believe(quotes, self.last.history, reference, OPENED)
        return self.last.doubts.get("META", "")


@pytest.mark.parametrize("wrong", [5.0, 50_000.0, 0.0, -500.0, nan, inf, 125.0, 2000.0, 1000.0, 60.0])
def test_a_price_that_cannot_be_is_none_however_often_it_is_shown(wrong: float) -> None:
    line = Line()
    assert line.poll() == ""
    reasons = {line.poll({"META": wrong}) for _ in range(5)}
    assert len(reasons) == 1, "one reason as long as it lasts"
    assert reasons != {""}
    assert "META" not in line.last.quotes
    assert set(line.last.quotes) == {"KO", "CAT", "PLD"}
    assert line.poll() == "", "the right price is believed at once"


@pytest.mark.parametrize("fall", [-0.05, -0.2, -0.35, -0.52])
def test_a_crash_is_believed_at_the_second_poll(fall: float) -> None:
    line = Line()
    line.poll()
    assert line.poll({"META": 500 * (1 + fall)}).startswith(
        f"its last price {500 * (1 + fall):.2f} is {fall:.1%}"
    )
    assert line.poll({"META": 500 * (1 + fall * 1.1)}) == ""
    assert line.last.quotes["META"].price == 500 * (1 + fall * 1.1)
    assert line.poll({"META": 500 * (1 + fall * 1.1)}) == ""
    assert line.poll({"META": 150.0}) != ""
    falls_on = line.poll({"META": 150.0}) == ""
    assert falls_on is (fall < -0.2), "from what was believed, not only from the last close"


def test_one_wrong_poll_of_any_size_is_forgotten() -> None:
    for factor in (0.5, 0.7, 0.9, 0.95, 1.05, 1.2, 1.5):
        line = Line()
        line.poll()
        assert line.poll({"META": 500 * factor}) != ""
        assert line.poll() == ""


def test_a_fall_at_the_open_is_compared_with_the_last_close() -> None:
    line = Line()
    assert line.poll({"META": 500 * exp(-5.9 * VOLATILITY)}) == ""
    gapped = Line()
    assert gapped.poll({"META": 500 * exp(-6.1 * VOLATILITY)}) != ""
    assert gapped.poll({"META": 500 * exp(-6.1 * VOLATILITY)}) == ""


def test_the_same_poll_or_one_seconds_later_confirms_nothing() -> None:
    line = Line()
    line.poll()
    assert line.poll({"META": 400.0}) != ""
    assert line.poll({"META": 400.0}, after=timedelta(0)) != ""
    assert line.poll({"META": 400.0}, after=timedelta(seconds=31)) != ""
    assert line.poll({"META": 400.0}, after=timedelta(seconds=29)) == ""


def test_a_fall_confirms_no_rise_and_a_small_move_no_huge_one() -> None:
    line = Line()
    line.poll()
    assert line.poll({"META": 450.0}) != ""
    assert line.poll({"META": 550.0}) != ""
    other = Line()
    other.poll()
    assert other.poll({"META": 490.0}) != ""
    assert other.poll({"META": 250.0}) != ""


def test_what_was_doubted_yesterday_confirms_nothing_today() -> None:
    line = Line()
    line.poll()
    line.poll({"META": 400.0})
    line.at += timedelta(days=1)
    quotes = {"META": Quote(symbol="META", price=400.0, at=line.at)}
    assert believe(quotes, line.last.history, reference, OPENED + timedelta(days=1)).quotes == {}


@pytest.mark.parametrize("wrong", [340.0, 120.0 * 4])
def test_a_neighbours_price_is_named_and_two_polls_do_not_confirm_it(wrong: float) -> None:
    line = Line()
    line.poll({"KO": 480.0, "CAT": 340.0})
    reasons = [line.poll({"META": wrong, "KO": 480.0}) for _ in range(4)]
    owner = "CAT" if wrong == 340.0 else "KO"
    assert all(reason.endswith(f"is the price of {owner}") for reason in reasons)


def test_among_thousands_of_names_an_equal_price_is_no_proof_of_a_mix_up() -> None:
    names = {f"N{cent}": cent / 100 for cent in range(700, 1300, 2)}  # each second cent is somebody's
    closes = {**names, "HELD": 10.2}

    def poll(names: Mapping[str, float]) -> str:
        quotes = {name: Quote(symbol=name, price=price, at=OPENED + POLL) for name, price in names.items()}
        seen = believe(quotes, {}, lambda symbol: Reference(closes[symbol], VOLATILITY), OPENED)
        return seen.doubts.get("HELD", "")

    assert poll(names | {"HELD": 9.9}) == ""  # down by 3 %, to the cent where N990 stands
    few = {name: names[name] for name in ("N700", "N800", "N990", "N1100")}
    assert poll(few | {"HELD": 9.9}).endswith("is the price of N990")


def test_two_symbols_that_changed_places_are_both_doubted() -> None:
    line = Line()
    line.poll()
    for _ in range(3):
        line.poll({"META": 340.4, "CAT": 499.0})
        assert set(line.last.doubts) == {"META", "CAT"}


def test_bid_and_ask_confirm_at_once_refute_for_ever_and_crossed_say_that_the_line_is_broken() -> None:
    line = Line()
    line.poll()
    assert line.poll({"META": 400.0}, bid=399.5, ask=400.5) == ""
    wrong = Line()
    wrong.poll()
    for _ in range(3):
        assert wrong.poll({"META": 400.0}, bid=499.5, ask=500.5).endswith(
            "lies outside its bid 499.5 and ask 500.5"
        )
    assert wrong.poll() == ""
    assert wrong.poll({"META": 500.0}, bid=501.0, ask=500.0).startswith("its bid 501.0 is above")
    assert wrong.poll({"META": 500.0}, bid=0.0, ask=500.0) == "", "one side without an order says nothing"
    assert wrong.poll({"META": 500.0}, bid=300.0, ask=400.0) == "", "nor does a spread of a third"
    late = wrong.at - timedelta(hours=1)
    assert wrong.poll({"META": 500.0}, bid=399.0, ask=400.0, bid_ask_at=late) == "", "nor an old one"


def test_what_no_day_makes_takes_a_bid_and_ask_in_two_polls() -> None:
    line = Line()
    line.poll()
    assert line.poll({"META": 150.0}, bid=149.0, ask=151.0) != ""
    assert line.poll({"META": 148.0}, bid=147.0, ask=149.0) == ""


def test_a_price_that_stands_while_time_and_the_others_move_is_stuck() -> None:
    line = Line()
    reasons = []
    for k in range(12):
        moving = {"KO": 60 + 0.01 * k, "CAT": 340 + 0.02 * k, "PLD": 120 - 0.01 * k}
        reasons.append(line.poll(moving))
    assert reasons[:6] == [""] * 6
    assert all("has stood at 500.0 since 14:05 UTC" in reason for reason in reasons[6:])
    assert line.poll({"META": 503.0, "KO": 61.0}) == ""


def test_where_everything_stands_nothing_is_stuck() -> None:
    line = Line()
    assert [line.poll() for _ in range(20)] == [""] * 20


def test_a_symbol_without_a_close_is_believed_once_two_polls_agree() -> None:
    at = OPENED + POLL
    history: QuoteHistory = {}
    found = []
    for k in range(3):
        quotes = {"NEW": Quote(symbol="NEW", price=31.0, at=at + k * POLL)}
        last = believe(quotes, history, reference, OPENED)
        history = dict(last.history)
        found.append(bool(last.quotes))
    assert found == [False, True, True]


MOVES = st.lists(st.floats(-0.0015, 0.0015), min_size=5, max_size=70)


@given(MOVES, st.integers(1, 69), st.floats(0.001, 1000))
def test_ordinary_moves_are_all_believed_and_no_single_wrong_poll_ever_is(
    moves: list[float], where: int, factor: float
) -> None:
    line, price, wrong_at = Line(), 500.0, where % len(moves) or 1
    for k, move in enumerate(moves):
        price *= exp(move)
        wrong = k == wrong_at and not 0.985 < factor < 1.015
        doubted = line.poll({"META": price * factor if wrong else price})
        assert bool(doubted) == wrong
