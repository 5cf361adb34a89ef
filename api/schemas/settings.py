"""The settings as JSON: what is in force and why, where the limits stand, what a change of them changes."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api.schemas.base import Data, ResponseSchema
from core.settings_access import LimitStanding, SettingInForce


class SettingAnswer(ResponseSchema):
    """A key of `trading.json` or `risk.json` with its value."""

    key: str = Field(description="Dotted, the file's name before it.")
    value: Any
    default: Any
    origin: str = Field(description="What says so: `risk.json` or `trading.json`, the profile, or the default.")
    meaning: str
    unit: str
    allowed: str


class SettingsAnswer(ResponseSchema):
    """Every key that may be set; secrets are masked."""

    settings: list[SettingAnswer]


class LimitAnswer(SettingAnswer):
    """A limit, and what stands against it now."""

    observed: float | None = Field(
        description="A fraction, a return or a count, as the limit is; null for a limit of one order alone."
    )
    used_pct: float | None = Field(description="Of the limit, a fraction; null where it is off or not observed.")
    largest: str = Field(description="The ticker or sector that is meant; empty for the whole portfolio.")

    @classmethod
    def of_limit(cls, setting: SettingInForce, standing: LimitStanding | None) -> LimitAnswer:
        """Describe a limit."""
        return cls.of(
            setting,
            observed=standing.observed if standing else None,
            used_pct=standing.used_pct if standing else None,
            largest=standing.largest if standing else "",
        )


class LimitsAnswer(ResponseSchema):
    """Every limit, and whether this page may loosen one."""

    limits: list[LimitAnswer]
    may_loosen: bool = Field(description="Whether the daemon has a token; without one limits are only tightened.")
    data: Data


class LimitChangeAnswer(ResponseSchema):
    """One line of what is changed."""

    key: str
    was: Any
    becomes: Any
    direction: str = Field(description="`tighter`, `looser`, or `neither` where no risk is limited by it.")


class LimitChangesAnswer(ResponseSchema):
    """What a change of limits changed or, as a dry run, would change."""

    dry_run: bool
    changes: list[LimitChangeAnswer]
    takes_effect: str
