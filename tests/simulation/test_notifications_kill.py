"""Notifications under SIGKILL and a receiver that comes and goes: what the ledger holds is told in the end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.clock import SystemClock
from adapters.events.hub import EventHub
from adapters.ledger import SqliteLedger
from config.environment import Environment, OrderRoute
from config.notify import NotifySettings
from config.trading import TradingSettings
from core.times import NEW_YORK
from core.types import TradingState
from daemon.wiring.notifications import NotificationService
from pipeline.report_events import publish_events_to
from tests.servers.local_http import Answer, Asked, Outcome, local_server
from tests.simulation.test_ledger_kill import step

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("NOTIFICATION_KILLS", "4"))  # `make chaos-notifications` asks for more
STEPS_MAX = 9_000  # less than a week of minutes: each has a time of its own
CHILD = """
import sys
from pathlib import Path
from daemon.logs import configure_logging
from tests.simulation import test_notifications_kill as test
configure_logging()
getattr(test, sys.argv[1])(Path(sys.argv[2]), sys.argv[3])
"""


class NoService:
    """A service whose engine is not built: nothing is due by itself."""

    engine = None


@contextmanager
def telling(folder: Path, url: str) -> Iterator[tuple[SqliteLedger, EventHub, NotificationService]]:
    ledger = SqliteLedger(folder / "ledger.sqlite", route=OrderRoute.PAPER_BUILTIN)
    trading = TradingSettings(notify=NotifySettings(collect_seconds=0.05, retry_seconds_max=1.0))
    environment = Environment(state_dir=folder, notify_urls=(SecretStr(url),))
    service, hub = NotificationService(environment, trading, SystemClock()), EventHub()
    hub.add_listener(service.hear)
    service.start(NoService())  # type: ignore[arg-type]
    service.catch_up(ledger)
    yield ledger, hub, service
    service.stop()
    ledger.close()


def trade_for_ever(folder: Path, url: str) -> None:
    """Record and publish steps, from where the last process was killed on; say which alert was handed over."""
    with telling(folder, url) as (ledger, hub, _):
        publish = publish_events_to(hub)
        last = next(iter(ledger.steps()), None)
        for number in range(int(last.decision_id[5:]) + 1 if last else 0, STEPS_MAX):
            report = step(number)
            ledger.record(report)
            publish(report, TradingState.ACTIVE)
            hub.publish("risk.alert", report.as_of, {"message": alert(number)})
            print(alert(number), flush=True)
            time.sleep(0.002)


def deliver_all(folder: Path, url: str) -> None:
    """Send what is left, and end."""
    with telling(folder, url) as (_, _, service):
        while any(card["waiting"] for card in service.card()["receivers"]):
            time.sleep(0.05)


def alert(number: int) -> str:
    return "The alert " + "".join(chr(ord("a") + int(digit)) for digit in f"{number:05d}") + " is told."


class Webhook:
    """Takes messages, refuses them, or is silent until it is up again."""

    def __init__(self) -> None:
        self.up = True
        self.refused = 0
        self.lines: Counter[str] = Counter()

    def answer(self, asked: Asked) -> Outcome:
        if not self.up:
            self.refused += 1
            return Answer(status=503)
        self.lines.update(asked.json["message"].split("\n"))
        return Answer()


def run(what: str, folder: Path, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, what, str(folder), url],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # where the log goes
        text=True,
    )


def fill_lines(ledger: SqliteLedger) -> Counter[str]:
    return Counter(
        f"{fill.at.astimezone(NEW_YORK):%a %H:%M} New York: Bought 1 AAPL at 100.01 USD: 100.01 USD."
        for fill in ledger.fills(STEPS_MAX * 3)
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_kills_and_a_receiver_that_is_often_dead_lose_no_notification(tmp_path: Path) -> None:
    chance, hook, handed_over = random.Random(7), Webhook(), list[str]()
    told_early: Counter[str] = Counter()
    with local_server(hook.answer) as port:
        url = f"json://127.0.0.1:{port}/"
        for kill in range(KILLS):
            hook.up = kill % 4 == 0  # dead at the last kill too, so that much waits
            child = run("trade_for_ever", tmp_path, url)
            assert child.stdout is not None
            lines = iter(child.stdout)
            handed_over += [next(lines).rstrip("\n") for _ in range(chance.randint(1, 80))]
            time.sleep(chance.random() * 0.2)
            while hook.up and not hook.lines:  # it takes something before the first kill
                assert child.poll() is None
                time.sleep(0.01)
            child.send_signal(signal.SIGKILL)
            handed_over += [line.rstrip("\n") for line in lines if line.endswith("\n")]
            child.stdout.close()
            assert child.wait() == -signal.SIGKILL
            told_early = told_early or Counter(hook.lines)
        waiting = _untold(tmp_path, hook)
        hook.up = True
        last = run("deliver_all", tmp_path, url)
        assert last.stdout is not None
        last.stdout.close()
        assert last.wait(120) == 0
    assert hook.refused > 0  # the receiver was dead in between,
    assert waiting > 20  # much waited for it,
    assert told_early  # and it had taken something before
    assert _untold(tmp_path, hook) == 0
    text = "\n".join(hook.lines)
    assert len(handed_over) > 10 * KILLS
    assert [line for line in handed_over if line not in text] == []


def _untold(folder: Path, hook: Webhook) -> int:
    ledger = SqliteLedger(folder / "ledger.sqlite", route=OrderRoute.PAPER_BUILTIN)
    expected = fill_lines(ledger)
    ledger.close()
    missing: Counter[Any] = expected - hook.lines
    return missing.total()
