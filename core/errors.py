"""The error tree: an exception is typed by what the caller should do about it.

EngineError
├── Recoverable          the step ends with a fault event; the next cycle tries again
│   ├── DataError        a feed broke, or answered with something that cannot be bars
│   ├── BrokerError      the broker refused to answer, or answered with a fault
│   ├── RecallError      the memory could not be asked
│   └── PluginError      a plug-in could not be loaded or called
├── Fatal                HALTED; the process stays up to be read
│   ├── LedgerError      the ledger could not be read or written
│   ├── ArtefactError    a stored model is corrupt, foreign or tampered with
│   └── InvariantError   a law of the engine was broken: a bug
├── SettingsError        before the start: exit code 2
└── RequestError         the caller asked for something that cannot be: a clear 4xx

A refusal (a limit said no) is not an exception but a value: `core.types.RefusedOrder`.
"""

from __future__ import annotations


class EngineError(Exception):
    """Something the engine names: what happened, what it means, what to do next.

    Parameters
    ----------
    message : str
        What happened and what it means.
    hint : str
        What the operator should do next; empty when there is nothing to do.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class Recoverable(EngineError):
    """The step ends with a fault event; the next cycle tries again."""


class DataError(Recoverable):
    """A feed broke, or answered with something that cannot be bars."""


class BrokerError(Recoverable):
    """The broker refused to answer, or answered with a fault."""


class RecallError(Recoverable):
    """The memory could not be asked."""


class PluginError(Recoverable):
    """A plug-in could not be loaded, or did not answer as its kind must."""


class Fatal(EngineError):
    """The engine goes to HALTED; the process stays up to be read."""


class LedgerError(Fatal):
    """The ledger could not be read or written."""


class ArtefactError(Fatal):
    """A stored model is corrupt, foreign or tampered with."""


class InvariantError(Fatal):
    """A law of the engine was broken: a bug."""


class SettingsError(EngineError):
    """The configuration cannot be used: the start stops with exit code 2."""


class RequestError(EngineError):
    """The caller asked for something that cannot be done.

    Parameters
    ----------
    status : int
        The HTTP status the edge answers with, 400 to 499.
    """

    def __init__(self, message: str, *, hint: str = "", status: int = 400) -> None:
        super().__init__(message, hint=hint)
        self.status = status
