"""The account's steps against a shadow book's: whether they are the same, else where they differ first."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from backtest.lookahead import differences
from core.times import NEW_YORK
from core.types import Plan, StepReport
from pipeline.shadow import without_ranking

SHOWN_MAX = 80
FOLLOWS = ("_id", "_digest")
"""How the fields end that differ only because another does."""


def same(mine: StepReport, theirs: StepReport | None) -> bool:
    """Return whether a book's step is the account's: the same plan from the same fills.

    A proposal of the account is sent by the book, so they are the same where there was nothing to send.
    """
    if theirs is None or mine.fills != theirs.fills:
        return False
    return _plan(mine) == _plan(theirs) or (_unsent(mine, theirs) and not theirs.plan.approved)


def alike(mine: StepReport, theirs: StepReport | None) -> bool:
    """Return whether both sent, or would have sent, orders for the same names on the same sides."""
    return theirs is not None and _names(mine) == _names(theirs)


def difference(mine: StepReport, theirs: StepReport | None) -> str:
    """Return where two steps differ first, in words."""
    at = f"{mine.as_of.astimezone(NEW_YORK):%H:%M} {mine.cycle.name}"
    if theirs is None:
        return f"{at}: the book took no such step"
    if _unsent(mine, theirs):
        return (
            f"{at}: the account only proposed it, the book sent its {len(theirs.plan.approved)} orders; "
            "from then on they hold different shares"
        )
    pair = (msgspec.json.decode(msgspec.json.encode(replace(one, plan=_plan(one)))) for one in (mine, theirs))
    found = list(differences(*pair))
    plain = [one for one in found if not one[0].endswith(FOLLOWS)]
    path, ours, its = next(iter(plain or found), ("nothing", "", ""))
    return f"{at}: {path} is {_in_words(ours)} in the account and {_in_words(its)} in the book"


def _in_words(value: Any) -> str:
    """Return a value of a report as a person would say it: an order or a fill by what it trades."""
    if value is None:
        return "nothing"
    if not isinstance(value, dict):
        return f"{len(value)} of them" if isinstance(value, list) else str(value)[:SHOWN_MAX]
    trade = value.get("order", value)
    if not {"side", "quantity", "symbol"} <= trade.keys():
        return ", ".join(f"{name} {shown}" for name, shown in value.items() if shown)[:SHOWN_MAX]
    price = trade.get("price", trade.get("reference_price"))
    return f"{trade['side']} {trade['quantity']} {trade['symbol']} at {price}"


def _plan(step: StepReport) -> Plan:
    """Return what was intended, as a shadow book records it."""
    return replace(step.plan, analysis=without_ranking(step.plan.analysis))


def _names(step: StepReport) -> set[tuple[str, str]]:
    return {(approved.order.symbol, approved.order.side.value) for approved in step.plan.approved}


def _unsent(mine: StepReport, theirs: StepReport) -> bool:
    return theirs.cycle.submits and not mine.cycle.submits
