"""The last reconciliation as plain values: what agrees, what does not, and what is in force because of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import structlog

from core.account_conditions import AccountConditions
from core.types import Order, Portfolio
from pipeline.engine import Engine
from pipeline.reconciliation import Recovery
from pipeline.take_over import offers

log = structlog.get_logger("engine")


def reconciliation_card(engine: Engine | None, recovery: Recovery | None) -> Mapping[str, Any]:
    """Describe the last reconciliation; on a route whose account nobody else changes that is the start's."""
    if engine is None:
        return {}
    last, portfolio = engine.parts.account_check.last, engine.portfolio
    account = portfolio.account
    differences = list(last.differences) if last else list(recovery.differences if recovery else ())
    return {
        "at": last.at.isoformat() if last else None,
        "agrees": not differences,
        "differences": differences,
        "entries_stopped": _stopped(account),
        "restricted": account.restricted,
        "cash": _cash(portfolio, last.account_cash if last else None, account),
        "frozen": [
            {
                "ticker": symbol,
                "expected": entry.expected,
                "observed": entry.observed,
                "missing": entry.missing,
                "since": entry.since.isoformat(),
                "reason": entry.description,
                "exits_allowed": not entry.missing,
            }
            for symbol, entry in account.frozen.items()
        ],
        "left_alone": {
            "shares": dict(account.others),
            "orders": [
                {
                    "client_order_id": o.client_order_id,
                    "ticker": o.symbol,
                    "side": o.side.value,
                    "quantity": o.quantity,
                }
                for o in (last.foreign_orders if last else ())
            ],
        },
        "not_free": dict(account.reserved),
        "resume_can_take_over": offers(account),
    }


def log_recovery(found: Recovery) -> None:
    """Log what a start found."""
    write = log.error if found.differences else log.info
    write("start.recovered", mended=found.mended, differences=found.differences)


def reconciliation_line(engine: Engine) -> str:
    """Return the last reconciliation in one line; empty before the first."""
    last, account = engine.parts.account_check.last, engine.portfolio.account
    if last is None:
        return ""
    said = [*last.differences, *(entry.description for entry in account.frozen.values() if not entry.missing)]
    said += [f"the account takes no orders: {account.restricted}"] if account.restricted else []
    return f"{last.at.isoformat()}: {'; '.join(said) or 'ledger and account agree'}"


def degraded_by_account(engine: Engine | None) -> list[str]:
    """Return what of the account keeps the engine from trading as it would."""
    if engine is None:
        return []
    account = engine.portfolio.account
    stopped, restricted = _stopped(account), account.restricted
    return [
        *([f"account: it takes no orders ({restricted}): none is sent, stops neither"] if restricted else []),
        *(
            f"account: {entry.description}: {'frozen' if entry.missing else 'not bought again'}"
            for entry in account.frozen.values()
        ),
        *([f"account: {stopped}"] if stopped else []),
    ]


def _stopped(account: AccountConditions) -> str:
    if not account.cash_difference:
        return ""
    return f"entries stop: nothing explains {account.cash_difference:+f} USD of the account's cash"


def _order(order: Order) -> Mapping[str, Any]:
    return {
        "client_order_id": order.client_order_id,
        "ticker": order.symbol,
        "side": order.side.value,
        "quantity": order.quantity,
    }


def _cash(portfolio: Portfolio, there: Decimal | None, account: AccountConditions) -> Mapping[str, Any]:
    return {"ledger": portfolio.cash, "account": there, "unexplained": account.cash_difference}
