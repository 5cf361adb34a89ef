"""`notify` and `heartbeat` in `config/trading*.json`: who is told, of what, and when."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr, field_validator

from config.frozen import Frozen


class QuietHours(Frozen):
    """The hours in which only critical messages are sent; the others wait for their end.

    Attributes
    ----------
    start, end : time or None
        `HH:MM` in `timezone`; a start after the end goes over midnight; None for no quiet hours.
    """

    start: time | None = None
    end: time | None = None
    timezone: str = "America/New_York"

    @field_validator("timezone")
    @classmethod
    def known(cls, name: str) -> str:
        """Refuse a time zone that the system does not know."""
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{name!r} is no time zone; use one such as Europe/Zurich") from error
        return name


class NotifySettings(Frozen):
    """Messages to a person.

    Attributes
    ----------
    urls : tuple of SecretStr
        Receivers as apprise addresses them (tgram://, discord://, ntfy://, mailto://, json:// ...). Secret.
        NOTIFY_URLS goes before it.
    notifiers : tuple of str
        The registered ways to a person, in this order: `apprise`, which sends to `urls`, and those of your own.
    level_min : str
        Less urgent messages are not sent.
    collect_seconds : float
        What happens within it goes into one message.
    repeat_minutes : float
        The same cause is told again only after so long.
    queue_messages_max : int
        How many wait for receivers that do not answer; beyond it the oldest of the least urgent are dropped,
        and counted.
    retry_seconds_max : float
        A receiver that does not answer is tried again after 2, 4, 8 ... seconds, at most this.
    """

    urls: tuple[SecretStr, ...] = ()
    notifiers: tuple[str, ...] = ("apprise",)
    level_min: Literal["info", "warning", "critical"] = "info"
    quiet_hours: QuietHours = QuietHours()
    collect_seconds: Annotated[float, Field(ge=0, le=300)] = 2.0
    repeat_minutes: Annotated[float, Field(ge=0, le=10_080)] = 360.0
    queue_messages_max: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    retry_seconds_max: Annotated[float, Field(ge=1, le=3_600)] = 300.0


WEB_ADDRESS = "an address begins with http:// or https://"


def web_address(url: SecretStr) -> SecretStr:
    """Return an address that can be asked over HTTP; a ValueError otherwise, without the secret."""
    if not url.get_secret_value().lower().startswith(("http://", "https://")):
        raise ValueError(WEB_ADDRESS)
    return url


class HeartbeatSettings(Frozen):
    """A sign of life to a dead man's switch (healthchecks.io, Uptime Kuma, Better Stack ...).

    Attributes
    ----------
    url : SecretStr or None
        Asked with GET after each good cycle; its silence alarms elsewhere. HEARTBEAT_URL goes before it.
    """

    url: Annotated[SecretStr, AfterValidator(web_address)] | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    attempts_max: Annotated[int, Field(ge=1, le=10)] = 3
