"""Who is told: the receivers of the registered notifiers that the settings name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapters.notify.digest import Message
from adapters.notify.receivers import Receiver
from config.notify import NotifySettings
from config.plugins import registered
from core.errors import PluginError, SettingsError
from core.plain_words import plain_reason
from core.plugins import Plugin, made_with

SEND_SECONDS_MAX = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierParts:
    """What a notifier is made from, where its class has a `from_parts`.

    Attributes
    ----------
    urls : tuple of str
        The receivers' addresses: secrets.
    """

    urls: tuple[str, ...]
    settings: NotifySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenReceivers:
    """Where messages go, and what kept a notifier out, in words."""

    receivers: tuple[Receiver, ...] = ()
    faults: tuple[str, ...] = ()


def choose_receivers(settings: NotifySettings, urls: Sequence[str], folder: Path) -> ChosenReceivers:
    """Make the receivers of each notifier that `notify.notifiers` names.

    One of one's own that cannot be made is named as a fault, and the others are told.

    Raises
    ------
    core.errors.SettingsError
        For a name that is not registered, or an address that is none.
    """
    parts = NotifierParts(urls=tuple(urls), settings=settings)
    known = registered("notifiers", folder).registry
    receivers: list[Receiver] = []
    faults = []
    for name in dict.fromkeys(settings.notifiers):
        plugin = known.find(name)
        try:
            found = plugin.load().from_parts(parts) if plugin.is_built_in else [_own(plugin, parts)]
            receivers += [_bounded(receiver) for receiver in found]
        except PluginError as error:
            faults.append(f"the notifier {name} tells nobody: {error.message}")
    return ChosenReceivers(receivers=tuple(receivers), faults=tuple(faults))


def _bounded(receiver: Receiver) -> Receiver:
    return replace(receiver, send=BoundedSend(receiver.send, SEND_SECONDS_MAX).send)


def _own(plugin: Plugin, parts: NotifierParts) -> Receiver:
    entry = plugin.load()
    try:
        made = made_with(entry, parts)
    except SettingsError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"it could not be made ({type(error).__name__}: {plain_reason(error)})") from error
    send = getattr(made, "send", None)
    if not callable(send):
        raise PluginError("it has no method send(message)")
    return Receiver(target=f"own:{plugin.name}", name=plugin.name, send=send)


class BoundedSend:
    """Sends in a thread of its own: one that does not return holds up no other receiver's messages.

    Parameters
    ----------
    call : callable
        Takes a message. Only False says that it was not taken; what raises was not taken either.
    """

    def __init__(self, call: Callable[[Message], Any], seconds_max: float) -> None:
        self._call = call
        self._seconds_max = seconds_max
        self._thread: threading.Thread | None = None

    def send(self, message: Message) -> bool:
        """Send a message; return whether it was taken in time.

        Raises
        ------
        core.errors.PluginError
            When it raised, or an earlier message has not returned yet.
        """
        if self._thread is not None and self._thread.is_alive():
            raise PluginError("an earlier message has still not returned")
        answers: list[Any] = []

        def work() -> None:
            try:
                answers.append(self._call(message))
            except BaseException as error:  # noqa: BLE001  # code that is not ours may raise anything
                answers.append(error)

        self._thread = threading.Thread(target=work, daemon=True, name="notifier")
        self._thread.start()
        self._thread.join(self._seconds_max)
        if not answers:
            raise PluginError(f"it did not return within {self._seconds_max:g} s")
        if isinstance(answers[0], BaseException):
            raise PluginError(f"it raised {type(answers[0]).__name__}: {plain_reason(answers[0])}")
        return answers[0] is not False
