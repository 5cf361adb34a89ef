"""Leaks found by comparison: the same view must have the same answer, whatever comes after and before."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from backtest.app.agent_check.probe import Answers, Probe, Question, probe
from backtest.lookahead import SEED, another_future, no_future
from config.trading import TradingSettings
from core.market import FIELDS
from core.plugins import Plugin
from core.types import BarPanel, Floats

CUTS = 6
LATER_DAYS = 500
ROUNDING = 1e-9  # of sums over the symbols in another order


def cut_short(panel: BarPanel, row: int, seed: int) -> BarPanel:
    """Return the panel that ends at `row`: not even how long it goes on is there to be known."""
    del seed
    kept = {name: getattr(panel, name)[: row + 1].copy() for name in ("sessions", "known_at", "member", *FIELDS)}
    return replace(panel, **kept)


FUTURES = {
    "there are no bars after it": no_future,
    "other bars come after it": another_future,
    "the history ends there": cut_short,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that an agent must not do, and where it showed."""

    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What the comparisons gave.

    Attributes
    ----------
    whole : Answers
        The agent asked in order on the whole history.
    comparisons : int
        How many answers at the cuts were compared.
    """

    findings: tuple[Finding, ...]
    whole: Answers
    cuts: tuple[int, ...]
    comparisons: int


def examine(
    plugin: Plugin,
    trading: TradingSettings,
    panel: BarPanel,
    rows: Sequence[int],
    executor: Executor,
    seconds_max: float,
    *,
    cuts_wanted: int = CUTS,
    symbols: Sequence[str] = (),
) -> Examination:
    """Ask an agent over a history, and again at several cuts under other futures, orders and clocks.

    Parameters
    ----------
    rows : sequence of int
        The sessions to ask at, ascending.
    executor : Executor
        Starts a new process for each task.
    cuts_wanted : int
        At how many of them everything later is changed.
    symbols : sequence of str
        Those to score; empty for the settings' stocks.
    """
    asked = tuple(symbols) or trading.stocks
    places = np.linspace(len(rows) // 3, len(rows) - 2, cuts_wanted).astype(int).tolist()
    cuts = tuple(sorted({rows[place] for place in places}))
    body = pickle.dumps(panel)
    base = Probe(plugin=plugin, trading=trading, symbols=asked, questions=())
    fresh = tuple(Question(panel=body, rows=(cut,)) for cut in cuts)
    tasks = {
        "whole": replace(base, questions=(Question(panel=body, rows=tuple(rows)),), seconds_max=seconds_max),
        "first": replace(base, questions=fresh),
        "again": replace(base, questions=fresh),
        "backwards": replace(base, questions=(Question(panel=body, rows=cuts[::-1]),)),
        "later": replace(base, questions=fresh, later_days=LATER_DAYS),
        "reversed": replace(base, questions=fresh, symbols=asked[::-1]),
    }
    for name, future in FUTURES.items():
        changed = tuple(Question(panel=pickle.dumps(future(panel, cut, SEED)), rows=(cut,)) for cut in cuts)
        tasks[name] = replace(base, questions=changed)
    running = {name: executor.submit(probe, task) for name, task in tasks.items()}
    found = {name: task.result() for name, task in running.items()}
    comparing = _Comparison(panel, asked, cuts, found)
    return Examination(
        findings=tuple(comparing.findings()),
        whole=found["whole"],
        cuts=cuts,
        comparisons=len(cuts) * (len(FUTURES) + 5),
    )


class _Comparison:
    """The answers at the cuts, side by side."""

    def __init__(
        self, panel: BarPanel, symbols: Sequence[str], cuts: Sequence[int], found: dict[str, Answers]
    ) -> None:
        self._panel, self._symbols, self._cuts, self._found = panel, symbols, cuts, found
        self._true = _fresh(found["first"])

    def findings(self) -> Iterator[Finding]:
        """Yield each kind of leak once."""
        yield from self._touched()
        again = self._differs("random", "asked again, in another process", _fresh(self._found["again"]))
        if again is not None:
            yield again
            return  # nothing can be compared with what is never the same
        later = self._differs("clock", f"the clock is {LATER_DAYS} days ahead", _fresh(self._found["later"]))
        futures = [self._differs("future", name, _fresh(self._found[name])) for name in FUTURES]
        backwards = self._found["backwards"].scores[0][::-1]
        memory = self._differs("memory", "it was asked of later days before", backwards)
        turned = _fresh(self._found["reversed"])[:, ::-1]
        near = np.where(np.abs(turned - self._true) <= ROUNDING, self._true, turned)
        order = self._differs("order", "the symbols are asked for in another order", near)
        yield from (
            one for one in (later, next((f for f in futures if f is not None), None), memory, order) if one
        )
        if not any(futures) and memory is None:
            earlier = self._differs("memory", "it was asked of the days before first", self._in_order())
            if earlier is not None:
                yield earlier

    def _touched(self) -> Iterator[Finding]:
        for what in dict.fromkeys(text for answers in self._found.values() for text in answers.touched):
            kind = what.split()[1]
            yield Finding(
                kind=kind,
                text=f"It reaches for {what}: what it holds may be of later days, and may change between two "
                "runs. An agent may use the view and what it learnt in fit().",
            )

    def _in_order(self) -> Floats:
        whole = self._found["whole"]
        place = {row: index for index, row in enumerate(whole.rows[0])}
        return np.array(
            [
                whole.scores[0][place[cut]] if cut in place else self._true[index]
                for index, cut in enumerate(self._cuts)
            ]
        )

    def _differs(self, kind: str, when: str, other: Floats) -> Finding | None:
        different = ~((self._true == other) | (np.isnan(self._true) & np.isnan(other)))
        if not different.any():
            return None
        cut, column = (int(place) for place in np.argwhere(different)[0])
        was, now = self._true[cut, column], other[cut, column]
        session = self._panel.dates[self._cuts[cut]]
        return Finding(
            kind=kind,
            text=f"On {session} its score of {self._symbols[column]} is {_shown(was)}, and {_shown(now)} when "
            f"{when}. The same view must have the same answer.",
        )


def _fresh(answers: Answers) -> Floats:
    return np.array([scores[0] for scores in answers.scores])


def _shown(score: float) -> str:
    return "an abstention" if np.isnan(score) else f"{score:+.4f}"
