"""The memory's command line: parse, rebuild, print what was done."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.environment import PRIVATE, OrderRoute, read_environment, secrets_in
from config.loader import FOLDER, load_trading
from core.errors import EngineError, LedgerError
from core.masking import SecretMask
from daemon.wiring.memory import stores

EXIT_FAILED = 1


def main(
    argv: Sequence[str] | None = None, variables: Mapping[str, str] = os.environ, folder: Path = FOLDER
) -> int:
    """Run the command; return its exit code."""
    os.umask(PRIVATE)
    mask = SecretMask(secrets_in(variables))
    options = argparse.ArgumentParser(prog="python -m daemon.wiring.memory_cli", description=__doc__)
    options.add_argument("command", choices=["rebuild"], help="write the graph anew from the ledger")
    options.add_argument("--store", choices=["neo4j", "sqlite"], help="default: Neo4j where NEO4J_URI is set")
    arguments = options.parse_args(argv)
    try:
        rows, seconds, place = rebuild(arguments.store, variables, folder)
    except EngineError as error:
        print(f"memory_cli: {mask.text(str(error))}", file=sys.stderr)  # noqa: T201  # a script prints
        return EXIT_FAILED
    print(f"{rows} ledger rows written to {place} in {seconds:.1f} s")  # noqa: T201  # a script prints
    return 0


def rebuild(name: str | None, variables: Mapping[str, str], folder: Path) -> tuple[int, float, str]:
    """Write a store anew; return the rows written, the seconds it took, and where the store is.

    Raises
    ------
    core.errors.EngineError
        When there is no ledger, no such store, or the store fails.
    """
    from rich.progress import Progress  # noqa: PLC0415  # with the command only

    from adapters.ledger import SqliteLedger  # noqa: PLC0415  # brings sqlite
    from adapters.memory.outbox import rebuild as write_anew  # noqa: PLC0415  # brings sqlite

    environment, trading = read_environment(variables), load_trading(folder)
    path = environment.state_dir / "ledger.sqlite"
    if not path.is_file():
        raise LedgerError(f"There is no ledger at {path}.", hint="Set STATE_DIR to the daemon's.")
    found = {store.name: store for store in stores(environment, trading)}
    store = found.get(name) if name else next(iter(found.values()))
    if store is None:
        raise LedgerError(f"There is no store {name}.", hint="Set NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD.")
    ledger, began = SqliteLedger(path, route=OrderRoute.DRY_RUN), time.perf_counter()
    try:
        with Progress() as progress:
            bar = progress.add_task(f"ledger -> {store.name}", total=ledger.last_step())

            async def work() -> int:
                try:
                    return await write_anew(
                        ledger,
                        store,
                        trading.memory,
                        trading.universe.sector_of,
                        lambda done: progress.update(bar, completed=done),
                    )
                finally:
                    await store.close()

            rows = asyncio.run(work())
    finally:
        ledger.close()
    return rows, time.perf_counter() - began, store.place


if __name__ == "__main__":
    sys.exit(main())
