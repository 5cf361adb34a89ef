"""`python -m tests.simulation.bad_week` prints the log and the messages of one week in which all goes wrong.

Monday a lid is closed until the next morning, Tuesday a person sells by hand, Wednesday the broker is away for an
hour while prices fall by a tenth, Thursday a share is split and another pays, Friday everything is sold while
orders fill in parts. The daemon is whole, its jobs and messages are its own; its clock is driven, its broker is
the stand-in for Alpaca in a process of its own, its receiver of messages a local server.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog

from core.events import Event
from scheduler.clock_watch import LOOK_SECONDS, ClockGap
from tests.servers.local_http import Answer, Asked, local_server
from tests.simulation.alpaca_days import Days, days_from, eager_settings
from tests.simulation.driven import in_new_york as at
from tests.simulation.driven import line

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2021, 6, 7) + timedelta(days=n) for n in range(5))
SHOWN = (
    "order.filled", "order.refused", "order.cancelled", "order.expired", "risk.alert", "state.changed", "cash.",
    "corporate.",
)  # fmt: skip
CRASH = 0.9
OPEN = ("new", "accepted", "partially_filled")
QUIET = ("done", "running")
MESSAGES_SECONDS = 0.3
Say = Callable[[str], None]


@dataclass(kw_only=True)
class Told:
    """What the week told: lines as they came, events by topic, messages by subject."""

    say: Say
    topics: Counter[str] = field(default_factory=Counter)
    messages: list[str] = field(default_factory=list)

    def event(self, event: Event) -> None:
        """Take an event; what is daily business is not printed."""
        self.topics[event.topic] += 1
        ended_badly = event.topic == "job.progress" and event.data.get("status") not in QUIET
        limited = event.topic == "order.refused" and "client_order_id" not in event.data
        if (event.topic.startswith(SHOWN) and not limited) or ended_badly:
            self.say(line(event))

    def message(self, asked: Asked) -> Answer:
        """Take a message, as its receiver."""
        self.messages.append(f"{asked.json['title']}: {asked.json['message']}")
        self.say(f"                         MESSAGE          {self.messages[-1]}")
        return Answer()


async def live(state: Path, settings: Path, told: Told, url: str) -> dict[str, Any]:
    """Live through the week; return the status at its end and the broker's book."""
    begins = at(MONDAY, 8)
    async with days_from(state, begins, settings=settings, days=5, hear=told.event, NOTIFY_URLS=url) as days:
        await monday(days, told.say)
        await tuesday(days, told.say)
        await wednesday(days, told.say)
        await thursday(days, told.say)
        await friday(days, told.say)
        await asyncio.sleep(MESSAGES_SECONDS)
        return {"status": days.driven.status(), "book": days.admin.book()}


async def monday(days: Days, say: Say) -> None:
    """The machine sleeps from the afternoon to the next morning."""
    await days.run_until(at(MONDAY, 15, 7))
    head(say, "Monday 15:07: the lid is closed", days)
    closed, opened = days.driven.clock.now(), at(TUESDAY, 9, 36)
    days.street.move(at(MONDAY, 16, 0))
    days.street.move(opened)
    days.driven.clock.set(opened)
    head(say, "Tuesday 9:36: the lid is opened", days)
    await days.driven.cron.wake(ClockGap(since=closed, until=opened, awake_seconds=LOOK_SECONDS))


async def tuesday(days: Days, say: Say) -> None:
    """A person sells half of a position at the broker."""
    await days.run_until(at(TUESDAY, 10, 41))
    symbol, held = largest(days)
    quantity = max((held / 2).to_integral_value(), Decimal(1))
    head(say, f"Tuesday 10:41: a person sells {quantity} {symbol} by hand", days)
    for row in days.admin.book()["orders"]:  # what holds the shares back goes first, as in Alpaca's own app
        if row["symbol"] == symbol and row["status"] in OPEN:
            days.admin.call("cancel", client_order_id=row["client_order_id"])
    days.admin.call("order", symbol=symbol, qty=str(quantity), side="sell", type="market", time_in_force="day")
    await days.run_until(at(TUESDAY, 23))


async def wednesday(days: Days, say: Say) -> None:
    """The broker is away from 11 to 12; at 11:10 prices fall by a tenth, by the afternoon they are back."""
    await days.run_until(at(WEDNESDAY, 11, 1))
    head(say, "Wednesday 11:01: the broker answers no more", days)
    days.admin.call("faults", plan={"error_before": 1.0})
    await days.run_until(at(WEDNESDAY, 11, 9))
    book = days.admin.book()
    spared = sorted(book["positions"])[:2]
    head(say, f"Wednesday 11:09: prices fall by a tenth, all but those of {' and '.join(spared)}", days)
    days.street.factors = {name: CRASH for name in book["prices"] if name not in spared}
    await days.run_until(at(WEDNESDAY, 12, 4))
    head(say, "Wednesday 12:04: the broker answers again", days)
    days.admin.call("faults", plan={})
    await days.run_until(at(WEDNESDAY, 14))
    days.street.factors = {}
    await days.run_until(at(WEDNESDAY, 23))


async def thursday(days: Days, say: Say) -> None:
    """One share becomes two before the open, and another pays a dividend."""
    await days.run_until(at(THURSDAY, 7))
    symbol, _ = largest(days)
    others = sorted(set(days.admin.book()["positions"]) - {symbol})
    head(say, f"Thursday 7:00: {symbol} is split two for one, {', '.join(others[:1]) or 'nobody'} pays", days)
    days.admin.call("split", symbol=symbol, ratio="2")
    days.street.factors = {symbol: 0.5}
    days.street.give_bars({symbol: 0.5})
    for name in others[:1]:
        days.admin.call("event", event="dividend", symbol=name, each="0.75")
    await days.run_until(at(THURSDAY, 23))


async def friday(days: Days, say: Say) -> None:
    """Everything is to be sold; orders fill in parts over the minutes to come."""
    await days.run_until(at(FRIDAY, 13, 58))
    head(say, "Friday 13:58: POST /flatten, and orders fill in parts", days)
    days.admin.call("faults", plan={"partial": 1.0, "waits": 0.5})
    await days.driven.daemon.service.flatten()
    await days.run_until(at(FRIDAY, 23))
    head(say, "Friday 23:00: the week is over", days)


def largest(days: Days) -> tuple[str, Decimal]:
    """Return what is held of most shares at the broker."""
    held = {name: Decimal(quantity) for name, quantity in days.admin.book()["positions"].items()}
    assert held, "nothing is held"
    return max(held.items(), key=lambda found: found[1])


def head(say: Say, text: str, days: Days) -> None:
    """Print what happens, with what is held then."""
    held = ", ".join(f"{quantity} {name}" for name, quantity in days.admin.book()["positions"].items())
    say(f"\n=== {text}\n    (held: {held or 'nothing'})")


def run(folder: Path, say: Say) -> tuple[Told, dict[str, Any]]:
    """Live through the week in a folder; return what was told, and where it ended."""
    told = Told(say=say)
    settings = eager_settings(folder / "config", notify={"collect_seconds": 0.05})
    with local_server(told.message) as port:
        ended = asyncio.run(live(folder / "state", settings, told, f"json://127.0.0.1:{port}/"))
    return told, ended


def main() -> None:
    logging.getLogger("adapters").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder:
        _, ended = run(Path(folder), lambda text: print(text, flush=True))
    status = ended["status"]
    print(f"\ntrading is {status['trading_state']}: {status['state_reason']}")
    print(f"degraded: {status['degraded']}")
    print(f"held at the broker: {ended['book']['positions'] or 'nothing'}; cash {ended['book']['cash']} USD")
    ours = status["portfolio"]
    print(f"held in the ledger: {ours['positions'] or 'nothing'}; cash {ours['cash']} USD")


if __name__ == "__main__":
    main()
