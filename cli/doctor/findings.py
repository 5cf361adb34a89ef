"""What a check found."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """How it stands."""

    OK = "ok"
    UNUSED = "not used"
    WARNING = "warning"
    FAULT = "fault"


class Finding(NamedTuple):
    """One check's result.

    Attributes
    ----------
    found : str
        What is so.
    to_do : str
        What to do; empty when there is nothing to do.
    """

    check: str
    verdict: Verdict
    found: str
    to_do: str = ""


def ok(check: str, found: str) -> Finding:
    """Return that all is well."""
    return Finding(check, Verdict.OK, found)


def unused(check: str, found: str, to_do: str = "") -> Finding:
    """Return that it is not asked for."""
    return Finding(check, Verdict.UNUSED, found, to_do)


def warning(check: str, found: str, to_do: str) -> Finding:
    """Return that the engine runs, with less than it could have."""
    return Finding(check, Verdict.WARNING, found, to_do)


def fault(check: str, found: str, to_do: str) -> Finding:
    """Return that the engine cannot run, or not as it is asked to."""
    return Finding(check, Verdict.FAULT, found, to_do)
