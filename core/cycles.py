"""The kinds of step there are."""

from __future__ import annotations

from dataclasses import replace

from core.trading import Cycle

DECIDE = Cycle(name="decide", agents=("market", "quant", "rl", "sentiment", "momentum", "regime"))
DECIDE_AND_SEND = replace(DECIDE, submits=True)
DECIDE_V2 = Cycle(name="decide_v2", agents=("market", "momentum", "rsi", "rl", "sentiment", "regime"))
RISK_CHECK = Cycle(name="risk_check", entries=False, submits=True)
FLATTEN = Cycle(name="flatten", entries=False, submits=True)
REGIME = Cycle(name="regime", agents=("regime",), entries=False)
SCAN = Cycle(name="scan", agents=("market", "momentum"), entries=False)
RANK = Cycle(name="rank", agents=("quant",), entries=False)
RECOVER = Cycle(name="recover", entries=False)
SETTLE = Cycle(name="settle", entries=False)
DECISION_CYCLES = (DECIDE.name, DECIDE_V2.name)
