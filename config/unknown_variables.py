"""Environment variables that look like the engine's and are none: a misspelt one would do nothing in silence."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

PREFIXES = ("TRADING_", "ALPACA_")
ALIKE_MIN = 80.0  # of 100: ENABLE_CORN has 91 to ENABLE_CRON, systemd's STATE_DIRECTORY 75 to STATE_DIR
READ_ELSEWHERE = ("FINBERT_PATH", "HF_HOME", "HF_HUB_CACHE")


class AskedFor(Mapping[str, str]):
    """Variables that note which of them were asked for: those are the ones there are.

    Attributes
    ----------
    names : set of str
        Asked for so far, set or not.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def unknown_variables(given: Mapping[str, str], known: Collection[str]) -> tuple[str, ...]:
    """Name the variables that are set, look like the engine's and are none of them, each with the nearest known.

    Values are never told: a misspelt name may hold a secret.

    Parameters
    ----------
    known : collection of str
        The variables that the environment is read from.
    """
    from rapidfuzz import fuzz, process  # noqa: PLC0415  # heavy: imported once, at the start

    candidates = sorted({*known, *READ_ELSEWHERE})
    out = []
    for name in sorted(given):
        if name in candidates:
            continue
        nearest, alike, _ = process.extractOne(name.upper(), candidates, scorer=fuzz.ratio)
        if alike >= ALIKE_MIN or name.upper().startswith(PREFIXES):
            out.append(f"{name} is set and is no variable of the engine, so it does nothing; is {nearest} meant?")
    return tuple(out)
