"""The watched risk files: an edit takes effect at the next step, an invalid one is refused."""

from __future__ import annotations

from pathlib import Path

from config.loader import FOLDER, load_risk
from config.risk import RiskSettings
from core.errors import SettingsError


class WatchedRisk:
    """Gives the limits in force, reread when either risk file has changed.

    Parameters
    ----------
    folder : Path
        Where `risk.default.json` and `risk.json` lie.
    profile : str
        Named set of strategy values laid between the two.

    Raises
    ------
    SettingsError
        When the limits are invalid at the start; later on, invalid edits leave the old limits in force.
    """

    def __init__(self, folder: Path = FOLDER, profile: str = "runbook") -> None:
        self._folder = folder
        self._profile = profile
        self._stamp = self._look()
        self._settings = load_risk(folder, profile)
        self.fault = ""

    @property
    def settings(self) -> RiskSettings:
        """The limits last found valid."""
        return self._settings

    def refresh(self) -> bool:
        """Reread the files if they changed; True when new limits or a new fault came of it."""
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._settings = load_risk(self._folder, self._profile)
            self.fault = ""
        except SettingsError as error:
            self.fault = f"The risk file's edit is refused and the old limits stay in force: {error}"
        return True

    def _look(self) -> tuple[tuple[int, ...], ...]:
        return tuple(_stamp(self._folder / name) for name in ("risk.default.json", "risk.json"))


def _stamp(path: Path) -> tuple[int, ...]:
    """Return what changes when a file does: a copy that keeps its time and size is another file all the same."""
    try:
        stat = path.stat()
    except OSError as error:  # there is none, or it cannot be looked at: reading it says which
        return (error.errno or 0,)
    return stat.st_mtime_ns, stat.st_size, stat.st_ino, stat.st_ctime_ns
