"""Where long work runs: in this process, in a pool of its own, or on a cluster that somebody started."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from backtest.progress import Progress
from core.errors import SettingsError
from core.plain_words import plain_reason

if TYPE_CHECKING:
    from distributed import Client

Value = TypeVar("Value")
ROOT = Path(__file__).parents[2]
ROOMS = ("core", "config", "models", "agents", "risk", "pipeline", "adapters")
LIBRARIES = ("numpy", "scipy", "scikit-learn", "hmmlearn", "TA-Lib", "xgboost", "xgboost-cpu")
CONNECT_SECONDS = 10
START = "dask scheduler; then in the project's folder, on each machine: dask worker tcp://HOST:8786"


@contextmanager
def executor_of(jobs: int, cluster: str = "") -> Iterator[Executor | None]:
    """Return where tasks run; what runs there gives the same results byte for byte.

    Parameters
    ----------
    jobs : int
        Processes of a local pool, spawned; 1 for none at all.
    cluster : str
        Address of a dask scheduler, `tcp://HOST:PORT`; empty for none. Tasks of a worker that dies are run
        again by another.

    Yields
    ------
    Executor or None
        None when tasks run one after the other in this process.

    Raises
    ------
    core.errors.SettingsError
        When both are asked for, `jobs` is below 1, or the cluster does not answer, is empty, or runs other
        code or libraries than this process.
    """
    if jobs < 1 or (jobs > 1 and cluster):
        raise SettingsError(
            f"--jobs {jobs} with --cluster {cluster or 'none'} cannot be.",
            hint="Give --jobs N from 1 up for this machine, or --cluster for others; not both.",
        )
    if cluster:
        with _client(cluster) as client:
            _same_everywhere(client, fingerprint())
            yield _on(client)
    elif jobs > 1:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            yield pool
    else:
        yield None


def share(executor: Executor | None, value: Value) -> Value:
    """Return what stands for a value in arguments of `run_all`: a cluster is sent it once, not with each task."""
    send: Callable[[Value], Value] | None = getattr(executor, "send", None)
    return value if send is None else send(value)


def run_all(
    executor: Executor | None,
    work: Callable[..., Value],
    arguments: Sequence[tuple[Any, ...]],
    progress: Progress,
) -> Iterator[Value]:
    """Return the results in the order of the arguments; progress is called with how many of how many are done."""
    if executor is None:
        for done, given in enumerate(arguments, start=1):
            yield work(*given)
            progress(done, len(arguments))
        return
    futures = [executor.submit(work, *given) for given in arguments]
    for done, _ in enumerate(as_completed(futures), start=1):
        progress(done, len(arguments))
    yield from (future.result() for future in futures)


def fingerprint() -> Mapping[str, str]:
    """Name what results depend on: the interpreter, the libraries of numbers, and our own code."""
    code = hashlib.sha256()
    for path in (p for room in ROOMS for p in sorted((ROOT / room).rglob("*.py"))):
        code.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    found = {"python": platform.python_version(), "code": code.hexdigest()[:12]}
    return found | {name: _version(name) for name in LIBRARIES}


def _client(address: str) -> Client:
    if find_spec("distributed") is None:
        raise SettingsError("--cluster needs dask.distributed.", hint="pip install -e .[cluster]")
    from distributed import Client  # noqa: PLC0415  # an extra, and heavy

    try:
        return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"No dask scheduler answers at {address}: {plain_reason(error)}.", hint=f"Start one: {START}."
        ) from error


def _on(client: Client) -> Executor:
    from distributed.cfexecutor import ClientExecutor  # noqa: PLC0415  # an extra, and heavy

    class ClusterExecutor(ClientExecutor):  # type: ignore[misc]  # untyped
        """Runs tasks on a cluster."""

        def send(self, value: Any) -> Any:
            """Put a value on every worker: it outlives one that dies."""
            return client.scatter([value], broadcast=True, hash=False)[0]

    made: Executor = ClusterExecutor(client, pure=False)  # hashing each task's arrays would cost more
    return made


def _same_everywhere(client: Client, ours: Mapping[str, str]) -> None:
    try:
        theirs: Mapping[str, Mapping[str, str]] = client.run(fingerprint)
    except ImportError as error:
        raise SettingsError(
            f"A worker does not know the engine's code: {plain_reason(error)}.", hint=f"{START}."
        ) from error
    if not theirs:
        raise SettingsError("The dask scheduler has no workers.", hint=f"Start some: {START}.")
    for worker, found in theirs.items():
        if found != ours:
            other = [
                f"{name} {found.get(name)} there, {ours[name]} here"
                for name in ours
                if found.get(name) != ours[name]
            ]
            raise SettingsError(
                f"The worker {worker} would give other results: {'; '.join(other)}.",
                hint="Bring it to the same commit and the same requirements.txt.",
            )


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"
