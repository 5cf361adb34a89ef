"""The settings, wired for the API: read from the files at each call, limits changed in the own `risk.json`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from config.edit import effective, find_key, layer_of, own_with, write_own
from config.reference import setting_keys, value_at
from config.tightening import direction
from config.watch import WatchedRisk
from core.errors import RequestError, SettingsError
from core.settings_access import LimitChange, LimitStanding, SettingInForce
from core.universe import Universe
from pipeline.engine import Engine
from risk.standing import standings


class SettingsService:
    """Implements `core.settings_access.SettingsAccess`.

    Parameters
    ----------
    folder : Path
        Where the settings lie.
    limits : WatchedRisk
        The limits in force.
    engine_of : callable
        Returns the engine; None while it is not built.
    """

    def __init__(
        self, folder: Path, limits: WatchedRisk, universe: Universe, engine_of: Callable[[], Engine | None]
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._universe = universe
        self._engine_of = engine_of
        self._writing = threading.Lock()

    def settings(self) -> Sequence[SettingInForce]:
        """Return every key that may be set."""
        try:
            now = effective(self._folder)
        except SettingsError as error:
            raise RequestError(
                str(error), hint="Mend the file; what was in force stays so.", status=409
            ) from error
        profile = now["trading"]["profile"]
        return [
            SettingInForce(
                key=f"{key.file}.{key.path}",
                value=value_at(now[key.file], key.path),
                default=key.default,
                origin=layer_of(key, profile, self._folder),
                meaning=key.meaning,
                unit=key.unit,
                allowed=key.allowed,
            )
            for key in setting_keys(self._folder)
        ]

    def standings(self) -> Mapping[str, LimitStanding]:
        """Return where the portfolio stands."""
        engine = self._engine_of()
        if engine is None:
            return {}
        return standings(engine.portfolio, self._limits.settings, self._universe.sector_of, engine.faults)

    def change_limits(
        self, changes: Mapping[str, Any], *, may_loosen: bool, dry_run: bool
    ) -> Sequence[LimitChange]:
        """Change limits, all or none.

        Raises
        ------
        core.errors.RequestError
            422 for a key or value that cannot be, 403 for loosening without a token, 409 where nothing can be
            written.
        """
        with self._writing:
            try:
                content, lines = self._changed(changes)
                if not may_loosen:
                    _require_tighter(lines)
                if lines and not dry_run:
                    write_own("risk", content, self._folder)
            except SettingsError as error:
                raise RequestError(str(error), status=422) from error
            except OSError as error:
                raise RequestError(
                    f"risk.json cannot be written: {error.strerror}. The limits in force stay.",
                    hint="Give the daemon's user the right to write the config folder.",
                    status=409,
                ) from error
        return lines

    def _changed(self, changes: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[LimitChange, ...]]:
        """Return the new file's content and what it changes."""
        values = {
            find_key(f"risk.{name.removeprefix('risk.')}", self._folder).path: value
            for name, value in changes.items()
        }
        content = own_with("risk", values, self._folder)
        now = effective(self._folder)["risk"]
        before = {path: value_at(now, path) for path in values}
        return content, tuple(
            LimitChange(key=path, was=was, becomes=values[path], direction=direction(path, was, values[path]))
            for path, was in before.items()
            if was != values[path]
        )


def _require_tighter(lines: Sequence[LimitChange]) -> None:
    loose = [line for line in lines if line.direction != "tighter"]
    if loose:
        line = loose[0]
        raise RequestError(
            f"{line.key} from {json.dumps(line.was)} to {json.dumps(line.becomes)} does not tighten the limit, "
            "and without a token only tighter limits are taken here. Nothing is changed.",
            hint="Edit config/risk.json, use `trading-engine config set`, or set TRADING_API_TOKEN.",
            status=403,
        )
