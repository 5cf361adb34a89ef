"""The settings as the edge sees them: what is in force and why, where the limits stand, one limit changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct


class SettingInForce(Struct, frozen=True, kw_only=True):
    """A key with its value.

    Attributes
    ----------
    key : str
        Dotted, the file's name before it.
    origin : str
        What says so: the person's own file, the profile or the default.
    """

    key: str
    value: Any
    default: Any
    origin: str
    meaning: str
    unit: str
    allowed: str


class LimitStanding(Struct, frozen=True, kw_only=True):
    """What stands against a limit now.

    Attributes
    ----------
    observed : float
        A fraction of equity, a return or a count, as the limit's unit is.
    used_pct : float or None
        Of the limit, a fraction; above 1 it is exceeded. None where the limit is off.
    largest : str
        The ticker or sector that is meant; empty for the whole portfolio.
    """

    observed: float
    used_pct: float | None
    largest: str = ""


class LimitChange(Struct, frozen=True, kw_only=True):
    """One line of what a change of limits changes; `direction` is tighter, looser or neither."""

    key: str
    was: Any
    becomes: Any
    direction: Literal["tighter", "looser", "neither"]


class SettingsAccess(Protocol):
    """Reads the settings, and changes limits in the person's own `risk.json`."""

    def settings(self) -> Sequence[SettingInForce]:
        """Return every key that may be set, secrets masked."""
        ...

    def standings(self) -> Mapping[str, LimitStanding]:
        """Return where the portfolio stands, by the limit's dotted key; empty before the engine is ready."""
        ...

    def change_limits(
        self, changes: Mapping[str, Any], *, may_loosen: bool, dry_run: bool
    ) -> Sequence[LimitChange]:
        """Change limits of `risk.json`, all or none; a dry run only says what would change."""
        ...
