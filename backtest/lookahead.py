"""The search for look-ahead: change the future, and nothing before it may change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.progress import Progress, no_progress
from core.errors import InvariantError
from core.market import FIELDS
from core.types import BarPanel, Floats

Record = Callable[[BarPanel, Sequence[int]], Sequence[bytes]]
Future = Callable[[BarPanel, int, int], BarPanel]
SEED = 7
DAILY_VOLATILITY = 0.02
BAR_RANGE = 0.01
REPORT_COLUMN = 5
WHOLE = "the whole row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first thing that knew the future.

    Attributes
    ----------
    table : str
        The ledger's: `steps`, `orders`, `fills` or `book`.
    record : str
        Which row: a decision's, order's or fill's id.
    field : str
        Path within the row, such as `plan.decisions[3].score`.
    before, after : str
        The value with the true future and with the changed one; empty where there is none.
    """

    table: str
    record: str
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A ledger that changed although only the future did."""

    session: str
    future: str
    difference: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class LookaheadResult:
    """What a search for look-ahead found.

    Attributes
    ----------
    sessions : tuple of str
        ISO dates of the cuts: everything after each was changed.
    comparisons, bytes_compared : int
        How many ledgers were compared with the true one, and their bytes together.
    leaks : tuple of Leak
        Empty when nothing looks ahead.
    """

    sessions: tuple[str, ...]
    comparisons: int
    bytes_compared: int
    leaks: tuple[Leak, ...]


def no_future(panel: BarPanel, row: int, seed: int) -> BarPanel:
    """Return the panel with no bar and no member after `row`."""
    del seed
    nothing = np.full(panel.close.shape, np.nan)
    return _spliced(panel, row, dict.fromkeys(FIELDS, nothing), np.zeros_like(panel.member))


def another_future(panel: BarPanel, row: int, seed: int) -> BarPanel:
    """Return the panel with another history after `row`: random paths, sound bars, other members."""
    rng = np.random.default_rng([seed, row])
    shape = panel.close.shape
    start = np.where(np.isfinite(panel.close[row]), panel.close[row], 100.0)
    steps = rng.normal(0, DAILY_VOLATILITY, shape)
    steps[: row + 1] = 0
    close = start * np.exp(np.cumsum(steps, axis=0))
    open_ = close * np.exp(rng.normal(0, BAR_RANGE, shape))
    spread = np.exp(np.abs(rng.normal(0, BAR_RANGE, shape)))
    volume = np.round(rng.lognormal(15, 1, shape))
    other = {
        "open": open_, "high": np.maximum(open_, close) * spread, "low": np.minimum(open_, close) / spread,
        "close": close, "volume": volume,
    }  # fmt: skip
    return _spliced(panel, row, other, ~panel.member)


FUTURES: Mapping[str, Future] = {"no bars": no_future, "other bars": another_future}


def check_lookahead(
    panel: BarPanel,
    record: Record,
    cuts: Sequence[int],
    *,
    progress: Progress = no_progress,
) -> LookaheadResult:
    """Compare the ledger of a panel, as it stood at each cut, with that of panels that differ only after it.

    Parameters
    ----------
    record : callable
        Runs a panel from the start and gives the ledger's canonical bytes as they stood after each of the
        rows given (ascending); nothing may pass from one call to the next.
    cuts : sequence of int
        Rows of the panel, each before the last. A leak of one row can only show in the decision of the cut's
        own session, so cut where something is decided.
    progress : callable
        Called with how many of how many runs are done.

    Raises
    ------
    core.errors.InvariantError
        When a cut leaves no future, or the run has written nothing down by the first of them.
    """
    rows = sorted(set(cuts))
    if not rows or rows[-1] >= len(panel.sessions) - 1:
        raise InvariantError(f"The cuts {rows} leave no future in a panel of {len(panel.sessions)} sessions.")
    runs = len(rows) * len(FUTURES) + 1
    true = record(panel, rows)
    progress(1, runs)
    if not true[0]:
        raise InvariantError(f"Nothing was recorded by {panel.sessions[rows[0]]}: nothing can be compared.")
    leaks = []
    for done, (place, name) in enumerate(((p, n) for p in range(len(rows)) for n in FUTURES), start=2):
        row = rows[place]
        (changed,) = record(FUTURES[name](panel, row, SEED), [row])
        if changed != true[place]:
            first = first_difference(true[place], changed)
            leaks.append(Leak(session=str(panel.sessions[row]), future=name, difference=first))
        progress(done, runs)
    return LookaheadResult(
        sessions=tuple(str(panel.sessions[row]) for row in rows),
        comparisons=runs - 1,
        bytes_compared=len(FUTURES) * sum(len(body) for body in true),
        leaks=tuple(leaks),
    )


def first_difference(before: bytes, after: bytes) -> Difference:
    """Find where two ledgers' bytes part: the earliest step, then orders, fills and the portfolio."""
    for one, other in zip_longest(before.split(b"\n"), after.split(b"\n"), fillvalue=b"null"):
        if one != other:
            return _row_difference(json.loads(one), json.loads(other))
    raise InvariantError("The two ledgers are equal.")


def _row_difference(one: list[Any] | None, other: list[Any] | None) -> Difference:
    there = one or other or []
    field, left, right = next(differences(_opened(one), _opened(other)), (WHOLE, one, other))
    return Difference(
        table=str(there[0]), record=str(there[2]), field=field, before=_shown(left), after=_shown(right)
    )


def _opened(row: list[Any] | None) -> Any:
    """Return a row with its JSON column read."""
    if row and row[0] == "steps":
        return json.loads(row[REPORT_COLUMN])
    return row


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Return each place in which two JSON values differ: its path and both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(name for name in other if name not in one)]:
            yield from differences(one.get(name), other.get(name), f"{path}.{name}".lstrip("."))
    elif isinstance(one, list) and isinstance(other, list):
        for index, (left, right) in enumerate(zip_longest(one, other)):
            yield from differences(left, right, f"{path}[{index}]")
    elif one != other:
        yield path or WHOLE, one, other


def _shown(value: Any) -> str:
    text = "" if value is None else json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _spliced(panel: BarPanel, row: int, future: Mapping[str, Floats], member: NDArray[np.bool_]) -> BarPanel:
    past = (np.arange(len(panel.sessions)) <= row)[:, None]
    mixed: dict[str, Any] = {name: np.where(past, getattr(panel, name), future[name]) for name in FIELDS}
    return replace(panel, **mixed, member=np.where(past, panel.member, member))
