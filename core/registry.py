"""Registries: named factories of one kind (feeds, brokers, agents, strategies, notifiers), looked up by name."""

from __future__ import annotations

from typing import Generic, TypeVar

from core.errors import SettingsError

Entry = TypeVar("Entry")


class Registry(Generic[Entry]):
    """Keeps what is known of one kind under unique names; a setting's name is looked up here.

    Where a part can be chosen by name, its module makes a registry and each choice registers itself, so that
    one more choice is one more registration and no branch.

    Parameters
    ----------
    kind : str
        What the entries are, one word in the singular for messages: `feed`, `broker`, `agent`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The registered names, in alphabetical order."""
        return tuple(sorted(self._entries))

    def register(self, name: str, entry: Entry) -> Entry:
        """Keep an entry under a name that is not taken, and give it back.

        Raises
        ------
        core.errors.SettingsError
            When the name is empty or taken: the first registration stays.
        """
        if not name.strip():
            raise SettingsError(f"A {self.kind} was registered without a name.", hint="Give it one.")
        if name in self._entries:
            raise SettingsError(
                f"The {self.kind} {name} is registered already, and which one would be used is not said.",
                hint="Rename one of the two.",
            )
        self._entries[name] = entry
        return entry

    def find(self, name: str) -> Entry:
        """Look an entry up by its exact name.

        Raises
        ------
        core.errors.SettingsError
            When the name is unknown; the message has the nearest known one.
        """
        try:
            return self._entries[name]
        except KeyError:
            raise SettingsError(self._unknown(name), hint=self._known()) from None

    def _unknown(self, name: str) -> str:
        nearest = nearest_name(name, self.names)
        meant = f"; the nearest known name is {nearest}" if nearest else ""
        return f"There is no {self.kind} named {name!r}{meant}."

    def _known(self) -> str:
        return f"Use one of {', '.join(self.names)}." if self._entries else f"No {self.kind} is registered."


def nearest_name(name: str, known: tuple[str, ...]) -> str:
    """Give the known name that is most like a mistyped one, whatever its case; empty when none is known."""
    from rapidfuzz import process  # noqa: PLC0415  # imported at the first mistake

    found = process.extractOne(name, known, processor=str.casefold)
    return found[0] if found else ""
