"""Of a broker of one's own only its class knows whether its money is real: the doctor says so, and no more."""

from __future__ import annotations

from cli.doctor.switches import live_lines
from config.broker import BrokerSettings
from config.environment import read_environment
from config.trading import TradingSettings


def test_a_broker_of_ones_own_is_never_said_to_move_no_real_money() -> None:
    lines = list(live_lines(read_environment({}), TradingSettings(broker=BrokerSettings(name="bank"))))
    assert "Orders would go to: a broker of your own." in lines
    assert "The broker bank moves real money unless its class says is_paper = True." in lines
    assert not [line for line in lines if line.startswith("No real money")]
