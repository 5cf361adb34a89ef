"""Who is told, wired: the engine's events into the queue, the queue to the receivers, the heartbeat."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from adapters.notify.choose import choose_receivers
from adapters.notify.events import EventTranslator
from adapters.notify.queue import NotificationQueue
from adapters.notify.sender import NotificationSender
from config.environment import FOLDER, Environment
from config.trading import TradingSettings
from core.errors import EngineError, LedgerError
from core.notifications import Notification, NotificationLevel
from core.plain_words import plain_reason
from core.ports import Clock
from core.times import market_date
from core.types import StepReport
from daemon.day_summary import day_summary
from pipeline.engine import Engine
from pipeline.order_events import ended_orders
from pipeline.report_events import events_of, portfolio_data

if TYPE_CHECKING:
    from adapters.ledger import SqliteLedger
    from adapters.notify.heartbeat import Heartbeat
    from daemon.engine_service import EngineService

FILE = "notifications.sqlite"
SUMMARY_AFTER_CLOSE = timedelta(minutes=10)
CATCH_UP_STEPS_MAX = 2_000
log = structlog.get_logger("notify")


class NotificationService:
    """Takes what a person is to be told, and looks after its delivery. Implements `core.ports.Notifier`.

    Without a receiver nothing is kept and nothing is sent; the heartbeat stands by itself.

    Raises
    ------
    core.errors.SettingsError
        For a receiver's address that is none.
    """

    def __init__(
        self, environment: Environment, trading: TradingSettings, clock: Clock, folder: Path = FOLDER
    ) -> None:
        self._settings = trading.notify
        self._level_min = NotificationLevel[trading.notify.level_min.upper()]
        self._path = environment.state_dir / FILE
        self._clock = clock
        urls = environment.notify_urls or trading.notify.urls
        chosen = choose_receivers(trading.notify, [url.get_secret_value() for url in urls], folder)
        self._receivers, self._left_out = chosen.receivers, chosen.faults
        self._heartbeat = _heartbeat(environment, trading, clock)
        self._translator = EventTranslator()
        self._lock = threading.Lock()
        self._queue: NotificationQueue | None = None
        self._sender: NotificationSender | None = None
        self._service: EngineService | None = None
        self._of_steps: list[Notification] = []  # not written down yet
        self._place = self._place_kept = ""
        self._summarised: date | None = None
        self._fault = ""

    def start(self, service: EngineService) -> None:
        """Begin to send what waits from before, and what comes."""
        self._service = service
        self.open()
        if self._queue is not None:
            self._sender = NotificationSender(
                self._queue, self._receivers, self._settings, self._clock, self._due
            )
            self._sender.start()
        if self._heartbeat is not None:
            self._heartbeat.start()

    def open(self) -> None:
        """Open the queue; one whose file cannot be used is kept in memory, and that is degraded."""
        if not self._receivers or self._queue is not None:
            return
        try:
            self._queue = NotificationQueue(self._path, self._settings.queue_messages_max)
        except LedgerError as error:
            self._fault = f"messages that wait are lost with the process: {error}"
            log.error("notify.queue_unusable", reason=str(error))
            self._queue = NotificationQueue(None, self._settings.queue_messages_max)

    def notify(self, notification: Notification) -> None:
        """Keep a notification for its receivers; never waits for them, never raises."""
        self._put([notification])

    def hear(self, topic: str, at: datetime, data: Mapping[str, Any]) -> None:
        """Keep what is to be told of an event; called by whoever publishes it, never raises."""
        if self._queue is None:
            return
        try:
            with self._lock:
                note = self._translator.notification(topic, at, data)
        except Exception as error:  # an event nobody foresaw must not break the step that published it
            log.exception("notify.unreadable_event", topic=topic, reason=plain_reason(error))
            return
        if topic == "order.filled" or "decision_id" in data:
            self._keep_soon(note, str(data["decision_id"]) if topic == "portfolio.update" else "")
        elif note is not None:
            self._put([note])

    def flush(self) -> None:
        """Write down what came of steps; until then a killed process derives it again from the ledger."""
        with self._lock:
            note, self._of_steps, place = self._of_steps, [], self._place
        if note or place != self._place_kept:
            self._put(note, place)
            self._place_kept = place

    def catch_up(self, ledger: SqliteLedger) -> None:
        """Keep what the last process recorded and could not tell any more: its events are derived again."""
        self.open()
        if self._queue is None:
            return
        if not self._queue.place():
            self._put([], next((report.decision_id for report in ledger.steps()), ""))
        for before, report in pairwise(_steps_since(self._queue.place(), ledger)):
            for topic, data in events_of(report, before.plan.state):
                self.hear(topic, report.as_of, data)
            left = {order.client_order_id for order in report.plan.portfolio.pending}
            gone = (order for order in before.plan.portfolio.pending if order.client_order_id not in left)
            for topic, data in ended_orders(gone, ledger):
                self.hear(topic, report.as_of, data)
        self.flush()
        portfolio = ledger.portfolio()
        if portfolio is not None:
            self._translator.know_positions(portfolio_data(portfolio))

    def on_step(self, engine: Engine, report: StepReport) -> None:
        """Ping the heartbeat after a good cycle: one that ended, could send, and saw a sound feed."""
        if self._heartbeat is not None and not engine.faults and not report.feed_fault:
            self._heartbeat.beat()

    def card(self) -> Mapping[str, Any]:
        """Describe the receivers and the heartbeat, without an address."""
        return {
            "receivers": self._sender.card() if self._sender else [],
            "level_min": self._settings.level_min,
            "dropped": self._queue.dropped if self._queue else 0,
            "heartbeat": self._heartbeat.card() if self._heartbeat else {"configured": False},
        }

    @property
    def faults(self) -> list[str]:
        """What keeps a person from being told."""
        found = [f"notify: {fault}" for fault in (*self._left_out, self._fault) if fault]
        found += self._sender.faults() if self._sender else []
        if self._heartbeat is not None and self._heartbeat.fault:
            found.append(f"heartbeat: {self._heartbeat.fault}")
        return found

    def stop(self) -> None:
        """Send and ping no more; what waits is sent after the next start."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
        if self._sender is not None:
            self._sender.stop()
        self.flush()
        if self._queue is not None:
            self._queue.close()

    def _keep_soon(self, note: Notification | None, place: str) -> None:
        """Leave what came of a recorded step to the sender's thread, so that the step writes nothing more."""
        with self._lock:
            if note is not None:
                self._of_steps.append(note)
            self._place = place or self._place
        if note is not None and self._sender is not None:
            self._sender.wake()

    def _put(self, notifications: Sequence[Notification], place: str = "") -> None:
        if self._queue is None:
            return
        wanted = [notification for notification in notifications if notification.level >= self._level_min]
        try:
            self._queue.put(wanted, place)
        except LedgerError as error:
            if not self._fault:
                log.error("notify.not_kept", reason=str(error))
            self._fault = f"a message could not be kept and is only in the log: {error}"
            for notification in wanted:
                log.error("notify.untold", text=notification.text)
        if wanted and self._sender is not None:
            self._sender.wake()

    def _due(self, now: datetime) -> Sequence[Notification]:
        """Write down what came of steps; return the day's summary once its session has closed."""
        self.flush()
        from adapters.calendar import NyseCalendar  # noqa: PLC0415  # heavy: imported at first use

        service, day = self._service, market_date(now)
        if service is None or service.engine is None or service.not_ready_reason():
            return ()
        if now.hour < 16 or self._summarised == day:  # UTC: before noon in New York
            return ()
        closes = [closes_at for _, _, closes_at in NyseCalendar().sessions(day, day)]
        if not closes or now < closes[0] + SUMMARY_AFTER_CLOSE:
            return ()
        try:
            summary = day_summary(day, now, service.ledger, service.portfolio(), service.engine.state)
        except EngineError as error:
            log.warning("notify.no_summary", reason=str(error))
            return ()
        self._summarised = day
        return (summary,) if summary else ()


def _steps_since(place: str, ledger: SqliteLedger) -> list[StepReport]:
    """Return the recorded steps from a place on, oldest first; none where the ledger does not hold it."""
    found: list[StepReport] = []
    for report in ledger.steps() if place else ():
        if report.cycle.as_of is None:
            found.append(report)
        if report.decision_id == place:
            return found[::-1]
        if len(found) > CATCH_UP_STEPS_MAX:
            break
    return []


def _heartbeat(environment: Environment, trading: TradingSettings, clock: Clock) -> Heartbeat | None:
    url = environment.heartbeat_url or trading.heartbeat.url
    if url is None:
        return None
    from adapters.notify.heartbeat import Heartbeat  # noqa: PLC0415  # brings requests

    settings = trading.heartbeat
    return Heartbeat(url.get_secret_value(), settings.timeout_seconds, settings.attempts_max, clock)
