"""From the engine's events to notifications: what happened, what it means for the money, what to do next."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.money import to_cents
from core.notifications import Notification, NotificationLevel
from core.plain_words import plain_text

Data = Mapping[str, Any]
INFO, WARNING, CRITICAL = NotificationLevel
MISSED = "missed"
STATE_MEANS = {
    "ACTIVE": "The engine buys and sells again by itself.",
    "REDUCING": "Nothing is bought; what is held is still sold by its rules. See GET /status.",
    "HALTED": (
        "Nothing is bought or sold by the engine, so what is held has only the stops that rest at the broker. "
        "See GET /status, mend the cause, then POST /resume (or POST /flatten to sell everything)."
    ),
}


class EventTranslator:
    """Turns events into notifications; most events are none.

    It remembers the last published portfolio, so that a sale can say what it earned, and whether steps failed,
    so that their end is told too.
    """

    def __init__(self) -> None:
        self._positions: Mapping[str, Any] = {}
        self._faults = 0
        self._tellers: Mapping[str, Callable[[datetime, Data], Notification | None]] = {
            "order.filled": self._filled,
            "order.refused": _refused,
            "order.cancelled": _not_executed("was cancelled"),
            "order.expired": _not_executed("expired"),
            "risk.alert": self._alert,
            "state.changed": _state_changed,
            "job.progress": _job,
            "portfolio.update": self._portfolio,
            "cash.movement": _cash_movement,
            "corporate.action": _corporate_action,
            "letter.written": _letter,
        }

    def notification(self, topic: str, at: datetime, data: Data) -> Notification | None:
        """Return what a person is told of an event; None for nothing."""
        teller = self._tellers.get(topic)
        return teller(at, data) if teller else None

    def know_positions(self, portfolio: Data) -> None:
        """Take the positions of a portfolio, as the stream has it, as those held now."""
        self._positions = portfolio.get("positions", {})

    def _filled(self, at: datetime, data: Data) -> Notification:
        quantity, price = Decimal(data["quantity"]), Decimal(data["price"])
        value, symbol, sold = to_cents(quantity * price), data["ticker"], data["side"] == "sell"
        text = f"{'Sold' if sold else 'Bought'} {quantity:f} {symbol} at {price:f} USD: {value:,} USD"
        held = self._positions.get(symbol)
        if sold and held:
            profit = to_cents(quantity * (price - Decimal(held["average_price"])) - Decimal(data["fee"]))
            text += f", {'a profit' if profit >= 0 else 'a loss'} of {abs(profit):,} USD"
        why = _words(data.get("rule", ""))
        return Notification(
            key=f"fill:{data.get('fill_id') or _digest(at, data)}",
            at=at,
            level=INFO,
            subject=f"{'Sold' if sold else 'Bought'} {symbol}",
            text=f"{text}. Why: {why}." if why else f"{text}.",
        )

    def _alert(self, at: datetime, data: Data) -> Notification:
        self._faults = max(self._faults, int(data.get("faults", 0)))
        message = _sentence(data.get("message", ""))
        return Notification(
            key=_key("alert", at, data, message),
            at=at,
            level=NotificationLevel[str(data.get("level", "warning")).upper()],
            subject="Alert",
            text=message,
            cause=str(data.get("cause") or re.sub(r"^Halted\. (\w+Error: )?", "", message)),
        )

    def _portfolio(self, at: datetime, data: Data) -> Notification | None:
        """Note the positions; the first good step after failed ones is told."""
        self.know_positions(data)
        failed, self._faults = self._faults, 0
        if not failed:
            return None
        return Notification(
            key=_key("recovered", at, data, ""),
            at=at,
            level=INFO,
            subject="Steps run again",
            text=f"A step went well again after {failed} failed in a row. Positions and stops are looked after "
            "again; nothing needs to be done.",
        )


def _refused(at: datetime, data: Data) -> Notification | None:
    """Tell a refused sale, and what the broker refused; an entry that our own limits stop is daily business."""
    by_broker, sale = "client_order_id" in data, data["side"] == "sell"
    if not (by_broker or sale):
        return None
    if by_broker:
        why = f"the broker says: {plain_text(data.get('reason') or 'no reason')}"
    else:
        why = f"{_words(data['rule'])} (allowed: {data['limit']}; found: {data['observed']})"
    meaning = (
        "The position stays open and is looked at again at the next step; POST /risk/check looks now."
        if sale
        else "No money moved; nothing needs to be done."
    )
    what = f"The {'sale' if sale else 'buy'} of {data['ticker']} was refused"
    return Notification(
        key=_key("refused", at, data, f"{data['ticker']} {data['side']}"),
        at=at,
        level=WARNING,
        subject=f"{'Sale' if sale else 'Buy'} of {data['ticker']} refused",
        text=f"{what}: {why}. {meaning}",
        cause=f"{what}: {data.get('rule', '')}",
    )


def _not_executed(ended: str) -> Callable[[datetime, Data], Notification | None]:
    def made(at: datetime, data: Data) -> Notification:
        sale = data["side"] == "sell"
        reason = plain_text(data.get("reason") or "").rstrip(".")
        meaning = (
            "What was not sold is still held; the next step decides on it again."
            if sale
            else "What was not bought costs nothing; nothing needs to be done."
        )
        return Notification(
            key=f"ended:{data['client_order_id']}:{ended}",
            at=at,
            level=WARNING if sale else INFO,
            subject=f"Order for {data['ticker']} {ended}",
            text=f"The order to {data['side']} {data['quantity']} {data['ticker']} {ended}"
            f"{f' ({reason})' if reason else ''}. {meaning}",
        )

    return made


def _state_changed(at: datetime, data: Data) -> Notification:
    state, before, reason = str(data["to"]).upper(), str(data["from"]).upper(), _sentence(data.get("reason", ""))
    level = {"HALTED": CRITICAL, "REDUCING": WARNING}.get(state, INFO)
    head = f"Trading is {state}" + (f" (it was {before})" if before != state else "")
    return Notification(
        key=_key("state", at, data, f"{before}{state}{reason}"),
        at=at,
        level=level,
        subject=f"Trading is {state}",
        text=f"{head}{f': {reason}' if reason else '.'} {STATE_MEANS.get(state, '')}".strip(),
    )


def _job(at: datetime, data: Data) -> Notification | None:
    status, kind = data.get("status"), data.get("kind")
    reason = plain_text(str(data.get("error") or data.get("message") or "").split("\n", 1)[0])
    missed = status == "skipped" and reason.startswith(MISSED)
    if status != "failed" and not missed:
        return None
    cause = re.sub(r"^(failed|missed): ?", "", reason)
    what = f"The job {kind} {'was missed' if missed else 'failed'}: {_sentence(cause)}"
    meaning = "What it would have done was not done"
    after = "it runs again when it is next due (GET /jobs). See that the machine stays awake and the engine runs."
    return Notification(
        key=f"job:{data.get('job_id')}:{status}",
        at=at,
        level=WARNING,
        subject=f"Job {kind} {'missed' if missed else 'failed'}",
        text=f"{what} {meaning}; {after}" if missed else f"{what} {meaning}; it is tried again when next due.",
        cause=cause,
    )


def _cash_movement(at: datetime, data: Data) -> Notification:
    symbol = f" of {data['ticker']}" if data.get("ticker") else ""
    note, kind = plain_text(data.get("message") or ""), _words(data["kind"])
    note = "" if kind in note else note  # it says the kind again
    return Notification(
        key=f"cash:{data['movement_id']}",
        at=at,
        level=INFO,
        subject=f"{kind}{symbol}",
        text=f"Cash changed by {Decimal(data['amount']):+,} USD: {kind}{symbol}"
        f"{f' ({note})' if note else ''}. It is booked; nothing needs to be done.",
    )


def _corporate_action(at: datetime, data: Data) -> Notification:
    return Notification(
        key=f"action:{data['action_id']}",
        at=at,
        level=WARNING,
        subject=f"{data['ticker']}: {_words(data['kind'])}",
        text=_sentence(data.get("message") or f"{data['ticker']}: {_words(data['kind'])}"),
    )


def _letter(at: datetime, data: Data) -> Notification:
    """Tell a session's letter, once: written anew it has the same key."""
    session = data["session"]
    return Notification(
        key=f"letter:{session}", at=at, level=INFO, subject=f"Letter of {session}", text=data["text"]
    )


def _words(name: str) -> str:
    return str(name).replace("_", " ").replace(".", " ").strip()


def _sentence(text: str) -> str:
    text = plain_text(str(text))
    return text if not text or text.endswith((".", "!", "?", "…", ")")) else f"{text}."


def _key(kind: str, at: datetime, data: Data, text: str) -> str:
    """Return a key that is the same when the event is derived from the ledger again."""
    return f"{kind}:{data.get('decision_id') or at.isoformat()}:{_digest(text)}"


def _digest(*parts: object) -> str:
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:16]
