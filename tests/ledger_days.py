"""Days of a made-up ledger, as dense in trades as the limits allow: for the memory's tests and benchmarks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from adapters.ledger import SqliteLedger
from core.cycles import DECIDE, RISK_CHECK
from core.ids import client_order_id
from core.types import (
    Action,
    ApprovedOrder,
    Cycle,
    Decision,
    Fill,
    MarketAnalysis,
    Order,
    Plan,
    Portfolio,
    RankedStock,
    RefusedOrder,
    Regime,
    Side,
    Signal,
    StepReport,
    TradingState,
    Vote,
)
from tests.default_universe import SECTOR_OF, STOCKS

FIRST = datetime(2020, 1, 2, 14, 0, tzinfo=UTC)
AGENTS = ("market", "quant", "rl", "sentiment", "momentum", "regime")
FACTORS = tuple(f"factor_{number:02d}" for number in range(13))
CHECKS_A_DECISION, DECISIONS_A_DAY, TRADES_A_DAY, HELD_DECISIONS = 3, 26, 10, 10
CASH = Decimal(100_000)
SUBMIT = Cycle(name="decide", agents=DECIDE.agents, submits=True)
NASTY = 'it\'s "quoted"; MATCH (n) DETACH DELETE n // `x` {a: 1} \\ $rows é 漢 \n'


class Days:
    """Makes the steps of day after day: buys in one, fills in the next, all sold the day after.

    Parameters
    ----------
    trades_a_day : int
        Positions opened (and closed) each day; the limit of 20 orders a day allows 10.
    """

    def __init__(self, seed: int = 7, trades_a_day: int = TRADES_A_DAY) -> None:
        self._dice = random.Random(seed)
        self._trades = trades_a_day
        self._filling: list[Order] = []
        self._held: list[tuple[str, Decimal]] = []
        self._count = 0

    def steps(self, days: int) -> Iterator[StepReport]:
        """Give the steps of some days, in order."""
        for day in range(days):
            leaving, self._held = self._held, []
            names = self._dice.sample(STOCKS, self._trades)
            for number in range(DECISIONS_A_DAY):
                at = FIRST + timedelta(days=day, minutes=15 * number)
                acts = [(name, Side.BUY) for name in names[number::DECISIONS_A_DAY]]
                acts += [(name, Side.SELL) for name, _ in leaving[number::DECISIONS_A_DAY]]
                sizes = dict(leaving)
                yield self._step(at, SUBMIT, acts, sizes)
                for check in range(1, 1 + CHECKS_A_DECISION):
                    yield self._step(at + timedelta(minutes=4 * check), RISK_CHECK, [], {})

    def _step(
        self, at: datetime, cycle: Cycle, acts: list[tuple[str, Side]], sizes: dict[str, Decimal]
    ) -> StepReport:
        self._count += 1
        name = f"{at:%Y%m%dT%H%M%S}-{cycle.name}-{self._count:012x}"
        fills = tuple(self._fill(order, at) for order in self._filling)
        self._held += [(fill.symbol, fill.quantity) for fill in fills if fill.side is Side.BUY]
        orders = [self._order(name, symbol, side, sizes.get(symbol)) for symbol, side in acts]
        self._filling = orders
        return StepReport(
            decision_id=name, cycle=cycle, as_of=at, source="simulated", bars_until=f"{at:%Y-%m-%d}",
            view_digest=f"{self._count:064x}", config_digest="c" * 64, fills=fills,
            plan=self._plan(at, cycle, acts, orders),
        )  # fmt: skip

    def _plan(self, at: datetime, cycle: Cycle, acts: list[tuple[str, Side]], orders: list[Order]) -> Plan:
        idle = self._dice.sample(STOCKS, HELD_DECISIONS) if cycle is SUBMIT else []
        wanted = [*acts, *((symbol, None) for symbol in idle if symbol not in dict(acts))]
        decisions = tuple(self._decision(symbol, side) for symbol, side in wanted)
        calm = self._dice.uniform(0.0, 1.0)
        regime = Regime(
            name="low_vol" if calm > 0.5 else "high_vol", probabilities={"low_vol": calm, "high_vol": 1 - calm},
            as_of=at, exposure_scale=1.0, model_id="regime-hmm-20200102-x",
        )  # fmt: skip
        ranking = tuple(self._ranked(place, d.symbol) for place, d in enumerate(decisions, start=1))
        refused = RefusedOrder(symbol="AAPL", side=Side.BUY, rule="max_positions", limit="10", observed="11")
        return Plan(
            decisions=decisions, approved=tuple(ApprovedOrder(order=order, weight=0.05) for order in orders),
            refused=(refused,) if cycle is SUBMIT else (), unchanged=tuple(idle),
            analysis=MarketAnalysis(regime=regime, ranking=ranking) if cycle is SUBMIT else MarketAnalysis(),
            portfolio=Portfolio(cash=CASH), state=TradingState.ACTIVE,
        )  # fmt: skip

    def _decision(self, symbol: str, side: Side | None) -> Decision:
        action = {Side.BUY: Action.ENTER, Side.SELL: Action.EXIT, None: Action.HOLD}[side]
        votes = tuple(
            Vote(
                signal=Signal(
                    agent=agent, symbol=symbol, score=round(self._dice.uniform(-1, 1), 4), confidence=0.5,
                    reason=NASTY if agent == "sentiment" else f"{agent} has its reason, in some words",
                ),
                weight=1 / len(AGENTS),
            )
            for agent in AGENTS
        )  # fmt: skip
        return Decision(
            symbol=symbol, action=action, score=0.4, confidence=0.5, rule="score", votes=votes,
            reasons=("score +0.40 is above +0.35", *(f"{v.signal.agent}: {v.signal.reason}" for v in votes)),
        )  # fmt: skip

    def _ranked(self, place: int, symbol: str) -> RankedStock:
        factors = {name: round(self._dice.gauss(0, 1), 4) for name in FACTORS}
        return RankedStock(
            symbol=symbol, rank=place, p_outperform=0.4, sector=SECTOR_OF[symbol], price=100.0, factors=factors,
            model_id="quant-v8-x",
        )  # fmt: skip

    def _order(self, decision: str, symbol: str, side: Side, held: Decimal | None) -> Order:
        return Order(
            client_order_id=client_order_id(decision, symbol, side.value), decision_id=decision, symbol=symbol,
            side=side, quantity=held if held and side is Side.SELL else Decimal(self._dice.randint(1, 40)),
            reference_price=Decimal("100.00"), rule="score",
        )  # fmt: skip

    def _fill(self, order: Order, at: datetime) -> Fill:
        price = Decimal(self._dice.randint(9000, 11000)) / 100
        return Fill(
            fill_id=f"{order.client_order_id}-1", client_order_id=order.client_order_id, symbol=order.symbol,
            side=order.side, quantity=order.quantity, price=price, fee=Decimal("0.10"), at=at, rule=order.rule,
        )  # fmt: skip


def rows_of(ledger: SqliteLedger) -> int:
    """Count steps, orders and fills."""
    many = 10_000_000
    return ledger.last_step() + len(ledger.orders(many)) + len(ledger.fills(many))
