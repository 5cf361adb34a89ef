"""Seeded changes of the account from outside: each is booked or published by the next reconciliation.

`python -m tests.simulation.outside_changes --cases 200` runs so many and prints what came of them. A case is an
engine that holds positions, one change that the seed draws (and whether the engine is killed and started again on
it), and the one reconciliation after it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random

from adapters.alpaca.capital import WHOLE_ACCOUNT, Capital
from core.reconciliation import Reconciliation
from core.types import TradingState
from pipeline.reconciliation import recover
from tests.account_engine import AccountEngine, account_engine
from tests.servers.alpaca_broker_desk import Desk as StandInDesk
from tests.servers.alpaca_broker_faults import FaultPlan
from tests.small_engine import enter, leave

HELD, OTHER = ("AAPL", "JPM"), "XOM"
CAPITALS = (WHOLE_ACCOUNT, WHOLE_ACCOUNT, Capital(usd=Decimal(60_000)), Capital(share=Decimal("0.5")))


@dataclass(kw_only=True)
class Case:
    """One engine, its dice, and what it was told."""

    made: AccountEngine
    dice: Random
    symbol: str = ""

    def part(self) -> int:
        """Draw a part of what is held, at times all of it."""
        held = int(self.made.held(self.symbol))
        return self.dice.choice((held, self.dice.randint(1, held)))

    def cents(self, least: int, most: int) -> Decimal:
        """Draw an amount, US dollars."""
        return Decimal(self.dice.randint(least, most)) / 100

    def alerted(self, words: str) -> bool:
        """Whether a person was told so."""
        return any(words in text for text in self.made.published.alerts())

    @property
    def last(self) -> Reconciliation:
        found = self.made.engine.parts.account_check.last
        assert found is not None
        return found


Expect = Callable[[], bool]


def hand_sale(case: Case) -> Expect:
    sold, held = case.part(), case.made.held(case.symbol)
    case.made.by_hand(case.symbol, sold, "sell")
    return lambda: case.made.held(case.symbol) == held - sold and case.alerted("by hand")


def hand_purchase(case: Case) -> Expect:
    symbol, held = case.dice.choice((case.symbol, OTHER)), dict(case.made.engine.portfolio.positions)
    case.made.by_hand(symbol, 7, "buy")
    return lambda: (
        case.made.engine.portfolio.account.others == {symbol: 7}
        and {n: p.quantity for n, p in case.made.engine.portfolio.positions.items()}
        == {n: p.quantity for n, p in held.items()}
        and case.alerted("that are not the engine's")
    )


def lost_shares(case: Case) -> Expect:
    lost, held = case.part(), case.made.held(case.symbol)
    case.made.events.lose_shares(case.symbol, Decimal(lost))
    return lambda: (
        case.made.held(case.symbol) == held - lost
        and case.alerted("is frozen")
        and len(case.last.differences) == 1
    )


def cash_of(kind: str, least: int, most: int) -> Callable[[Case], Expect]:
    def change(case: Case) -> Expect:
        amount, before = case.cents(least, most), len(case.made.ledger.cash_movements(999))
        case.made.events.cash(kind, amount)
        ours = case.made.capital.of_flow(amount) if kind != "FEE" else amount

        def booked() -> bool:
            fresh = case.made.ledger.cash_movements(999)[: len(case.made.ledger.cash_movements(999)) - before]
            return sum((m.amount for m in fresh), Decimal(0)) == ours

        return booked

    return change


def dividend(case: Case) -> Expect:
    amount = case.made.events.dividend(case.symbol, case.cents(1, 150))
    return lambda: any(m.amount == amount and m.symbol == case.symbol for m in case.made.ledger.cash_movements(9))


def split(case: Case) -> Expect:
    ratio, held = case.dice.choice((Decimal(2), Decimal(4), Decimal("0.5"))), case.made.held(case.symbol)
    StandInDesk(case.made.stand_in.book).split(case.symbol, ratio)
    return lambda: case.made.held(case.symbol) == held * ratio


def merger(case: Case) -> Expect:
    case.made.events.merger(case.symbol, OTHER, Decimal("0.5"), case.cents(100, 900))
    return lambda: case.made.held(case.symbol) == 0 and case.made.held(OTHER) > 0


def foreign_order(case: Case) -> Expect:
    plan, case.made.stand_in.faults.plan = case.made.stand_in.faults.plan, FaultPlan(unfilled=1.0)
    side = case.dice.choice(("buy", "sell"))
    case.made.by_hand(OTHER if side == "buy" else case.symbol, 3, side)
    case.made.stand_in.faults.plan = plan
    return lambda: case.alerted("is open at the broker") and len(case.last.foreign_orders) == 1


def block(case: Case) -> Expect:
    flag = case.dice.choice(("trading_blocked", "account_blocked", "trade_suspended_by_user", "status"))
    case.made.events.block(**{flag: "ACCOUNT_CLOSED" if flag == "status" else True})
    posted = dict(case.made.stand_in.book.post_attempts)

    def closed() -> bool:
        case.made.tick(minutes=1)
        plan = case.made.step(enter(OTHER, 0.1), leave(case.symbol)).plan
        refused = {one.rule for one in plan.refused}
        return refused == {"account_open"} and case.made.stand_in.book.post_attempts == posted

    return lambda: case.alerted("takes no orders") and closed()


def unexplained_cash(case: Case) -> Expect:
    case.made.stand_in.book.cash -= Decimal(70_000)
    return lambda: case.alerted("Entries stop") and bool(case.last.differences)


def journalled_out(case: Case) -> Expect:
    moved, held = case.part(), case.made.held(case.symbol)
    case.made.events.transfer_shares(case.symbol, Decimal(-moved))
    return lambda: (
        case.made.held(case.symbol) == held - moved and case.alerted("JNLS moved") and case.alerted("is frozen")
    )


CHANGES: dict[str, Callable[[Case], Expect]] = {
    "hand sale": hand_sale, "hand purchase": hand_purchase, "lost shares": lost_shares,
    "deposit": cash_of("CSD", 100, 5_000_000), "withdrawal": cash_of("CSW", -900_000, -100),
    "fee": cash_of("FEE", -500, -1), "journal": cash_of("JNLC", -90_000, 90_000), "dividend": dividend,
    "split": split, "merger": merger, "foreign order": foreign_order, "block": block,
    "unexplained cash": unexplained_cash, "journalled out": journalled_out,
}  # fmt: skip
UNEXPLAINED = frozenset({"lost shares", "unexplained cash", "journalled out"})


def run(seed: int, folder: Path) -> tuple[str, list[str]]:
    """Run a case; give the change's name and what does not hold."""
    dice = Random(f"outside {seed}")
    name = list(CHANGES)[seed % len(CHANGES)]
    with account_engine(folder, capital=dice.choice(CAPITALS), seed=seed) as made:
        assert recover(made.engine).differences == ()
        made.step(*(enter(symbol, 0.1) for symbol in HELD))
        made.tick(minutes=5)
        made.step()
        assert set(made.engine.portfolio.positions) == set(HELD), "it must hold something"
        case = Case(made=made, dice=dice, symbol=dice.choice(HELD))
        made.tick(minutes=1)
        with made.stand_in.book.lock:
            holds = CHANGES[name](case)
        made.tick(minutes=4)
        if dice.random() < 0.3:
            made.start_again()
            recover(made.engine)
        else:
            made.step()
        return name, list(_broken(name, case, holds))


def _broken(name: str, case: Case, holds: Expect) -> list[str]:
    made, book = case.made, case.made.stand_in.book
    portfolio = made.engine.portfolio
    there = {n: h.quantity for n, h in book.holdings.items()}
    above = {n: p.quantity for n, p in portfolio.positions.items() if p.quantity > there.get(n, 0)}
    known = name in UNEXPLAINED or not case.last.differences
    fell = min(portfolio.daily_return, portfolio.drawdown)
    checks = {
        "it is booked or told": holds(),
        "nothing is held that is not there": not above,
        "what is explained is no difference": known,
        "all of the cash is booked": (
            not made.capital.is_whole or name == "unexplained cash" or portfolio.cash == book.cash
        ),
        "nobody halted": made.engine.state is TradingState.ACTIVE,
        "a person's change is no loss": name in ("split", "merger", "dividend") or fell > -0.001,
    }
    return [text for text, held in checks.items() if not held]


def main() -> None:
    """Run the cases; the last line is what came of them, and a broken one ends it with 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    began, ran, broken = time.perf_counter(), Counter[str](), {}
    for seed in range(asked.first, asked.first + asked.cases):
        with tempfile.TemporaryDirectory() as folder:
            name, wrong = run(seed, Path(folder))
        ran[name] += 1
        if wrong:
            broken[seed] = [name, *wrong]
            print(f"case {seed}: {name}: {'; '.join(wrong)}", file=sys.stderr)
    seconds = round(time.perf_counter() - began, 1)
    print(
        json.dumps(
            {"claim": "outside changes", "cases": asked.cases, "broken": broken, **ran, "seconds": seconds}
        )
    )
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
