"""Receivers of messages, as apprise addresses them; the only home of apprise."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from adapters.notify.digest import Message
from core.errors import SettingsError
from core.notifications import NotificationLevel

HINT = "See https://github.com/caronc/apprise/wiki for how each service is addressed, such as ntfy://TOPIC."
SHOWN_CHARACTERS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Where messages go.

    Attributes
    ----------
    target : str
        A fingerprint of the address, which itself is a secret: the same address has the same one after a restart.
    name : str
        Its kind and place in the settings, for people.
    send : callable
        Sends a message; returns whether the receiver took it. It may take seconds.
    """

    target: str
    name: str
    send: Callable[[Message], bool]


class HasAddresses(Protocol):
    """What names the receivers' addresses."""

    @property
    def urls(self) -> Sequence[str]:
        """The addresses: secrets."""
        ...


class AppriseReceivers:
    """The notifier that comes with the engine: each address of `notify.urls` is a receiver."""

    name = "apprise"

    @classmethod
    def from_parts(cls, parts: HasAddresses) -> tuple[Receiver, ...]:
        """Return the receivers of the addresses."""
        return open_receivers(parts.urls)


def open_receivers(urls: Sequence[str]) -> tuple[Receiver, ...]:
    """Return the receivers of addresses, each once.

    Raises
    ------
    core.errors.SettingsError
        For an address that is none; it names the place in the list, not the address.
    """
    if not urls:
        return ()
    return tuple(_receiver(url, place) for place, url in enumerate(dict.fromkeys(urls)))


def _receiver(url: str, place: int) -> Receiver:
    from apprise import Apprise, NotifyFormat, NotifyType  # noqa: PLC0415  # heavy: imported at first use

    logging.getLogger("apprise").setLevel(
        logging.CRITICAL
    )  # its lines may hold addresses; failures are ours to tell
    kinds = {
        NotificationLevel.INFO: NotifyType.INFO,
        NotificationLevel.WARNING: NotifyType.WARNING,
        NotificationLevel.CRITICAL: NotifyType.FAILURE,
    }
    service = Apprise()
    with warnings.catch_warnings():  # it loads all of its plugins; one imports a module that Python will drop
        warnings.filterwarnings("ignore", "'imghdr' is deprecated", DeprecationWarning)
        added = service.add(url)
    if not added:
        raise SettingsError(f"notify.urls[{place}] (NOTIFY_URLS) is no address that can be notified.", hint=HINT)

    def send(message: Message) -> bool:
        taken = service.notify(
            title=message.title,
            body=message.body,
            notify_type=kinds[message.level],
            body_format=NotifyFormat.TEXT,
        )
        return bool(taken)

    digest = hashlib.sha256(url.encode()).hexdigest()
    return Receiver(target=digest[:16], name=f"{url.split(':', 1)[0][:SHOWN_CHARACTERS]} #{place}", send=send)
