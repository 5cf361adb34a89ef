"""A broker that is not ours: loaded before the start, made when the engine is, and its faults made ours."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, cast

from config.environment import Environment
from config.trading import TradingSettings
from core.errors import BrokerError, EngineError, PluginError, SettingsError
from core.plain_words import plain_reason
from core.plugins import Plugin, made_with
from core.ports import Broker
from core.types import Portfolio, Settlement
from daemon.wiring.our_brokers import BrokerParts, OpenBroker

GIVES: Mapping[str, type[Any]] = {
    "settle": Settlement,
    "submit": Mapping,
    "protect": object,
    "cancel": str,
    "acknowledge": object,
    "statuses": Mapping,
    "doubtful_orders": Collection,
    "reason": str,
    "open_orders": tuple,
    "account": Portfolio,
}
"""The methods of `core.ports.Broker`, and what each gives."""
KEEPS_STOPS = ("rest", "protection", "resting_orders")


class OwnBroker:
    """Passes each call on; what fails in it is a BrokerError, so that the step ends as with any broker.

    A call that does not return holds the step: a broker bounds its own network calls.
    """

    def __init__(self, name: str, broker: Any) -> None:
        self.name = name
        self._broker = broker

    def __getattr__(self, method: str) -> Callable[..., Any]:
        """Return a method of the broker, its faults translated."""
        call = getattr(self._broker, method)

        def passed_on(*arguments: Any) -> Any:
            try:
                given = call(*arguments)
            except EngineError:
                raise
            except (Exception, SystemExit) as error:
                raise self._failed(method, f"{type(error).__name__}: {plain_reason(error)}") from error
            if not isinstance(given, GIVES.get(method, object)):
                raise self._failed(method, f"it gave {type(given).__name__}, not {GIVES[method].__name__}")
            return given

        return passed_on

    def _failed(self, method: str, what: str) -> BrokerError:
        return BrokerError(
            f"The broker {self.name} failed in {method} ({what}): nobody knows whether it took what was asked.",
            hint="The next step asks it again, and sends no order twice. Mend its file.",
        )


class OwnEntry(NamedTuple):
    """What a broker's file registers, and whether it moves no real money."""

    entry: Any
    is_paper: bool


def load_own_broker(plugin: Plugin, environment: Environment, trading: TradingSettings) -> OwnEntry:
    """Run a broker's code, before anything else is started.

    Real money needs three switches that agree: its class does not say `is_paper = True`, LIVE_TRADING, and
    `broker.mode`.

    Raises
    ------
    core.errors.SettingsError
        When it cannot be loaded, or moves real money and two of the switches are missing.
    """
    try:
        entry = plugin.load()
    except PluginError as error:
        hint = f"Mend {plugin.origin}, or take broker.name out of trading.json."
        raise SettingsError(f"broker.name {plugin.name}: {error.message}", hint=hint) from error
    is_paper = getattr(entry, "is_paper", False) is True
    if not (is_paper or (environment.live_trading and trading.broker.mode == "live")):
        raise SettingsError(
            f"The broker {plugin.name} may move real money, and live trading is not asked for.",
            hint="Where it moves none, write is_paper = True in its class. Else set LIVE_TRADING=true and "
            'broker.mode "live".',
        )
    return OwnEntry(entry, is_paper)


def open_own_broker(name: str, entry: Any, parts: BrokerParts) -> OpenBroker:
    """Make the broker: by its `from_parts`, else without arguments.

    Raises
    ------
    core.errors.BrokerError
        When it cannot be made, or lacks a method: nothing is sent, and the start is tried again.
    """
    try:
        made = made_with(entry, parts)
    except EngineError:
        raise
    except (Exception, SystemExit) as error:
        raise BrokerError(
            f"The broker {name} could not be opened ({type(error).__name__}: {plain_reason(error)}); "
            "nothing is sent.",
            hint="It is tried again. See its file.",
        ) from error
    lacking = [method for method in GIVES if not _has(made, method)]
    if lacking:
        raise BrokerError(
            f"The broker {name} has no method {', '.join(lacking)}; nothing is sent.",
            hint="docs/extending/broker.md says what a broker has.",
        )
    broker: Any = OwnBroker(name, made)
    close = {"close": broker.close} if _has(made, "close") else {}
    stops = broker if all(_has(made, method) for method in KEEPS_STOPS) else None
    return OpenBroker(broker=cast(Broker, broker), stops=stops, **close)


def _has(made: Any, method: str) -> bool:
    return callable(getattr(made, method, None))
