"""The null a strategy has to beat: books of random names under its limits, and the equal-weight portfolios."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.holding import Target, hold, month_ends
from core.errors import InvariantError
from core.market import Floats
from core.statistics import SESSIONS_PER_YEAR, sharpe_ratios

NAME_VOLATILITY_SESSIONS = 63
PORTFOLIO_VOLATILITY_SESSIONS = 21
WEEK_SESSIONS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomBooks:
    """The distribution of luck.

    Attributes
    ----------
    returns : ndarray of float64, shape (books, T - first)
        Daily returns after costs of each book from session `first` on.
    sharpe : ndarray of float64, shape (books,)
        Annualised Sharpe ratio of each.
    """

    returns: Floats
    sharpe: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioLimits:
    """What every random book keeps to.

    Attributes
    ----------
    names : int
        Names a book, no two of one sector.
    exposure_max : float
        Most of the equity that is invested, in (0, 1].
    target_volatility : float
        Annualised; exposure shrinks so that the book's past volatility meets it.
    cost_bps : float
        Cost of a one-way trade in basis points of its value.
    """

    names: int = 10
    exposure_max: float = 0.80
    target_volatility: float = 0.12
    cost_bps: float = 10.0


def random_books(
    sessions: NDArray[np.datetime64],
    open_: Floats,
    close: Floats,
    sectors: Sequence[str],
    rng: np.random.Generator,
    *,
    first: int,
    books: int = 200,
    limits: PortfolioLimits = PortfolioLimits(),
    member: NDArray[np.bool_] | None = None,
) -> RandomBooks:
    """Draw books of random names each month and hold them as a strategy under the same limits would.

    At each month's last close a book draws its sectors and one name of each, and weights them by inverse
    volatility of the 63 sessions up to then. Its exposure is scaled to the target by its volatility of the
    21 sessions up to then, and again every 5 sessions; books take turns, so no weekday is favoured. All
    trades are at the next open.

    Parameters
    ----------
    sessions : ndarray of datetime64[D], shape (T,)
        Session dates.
    open_, close : ndarray of float64, shape (T, N)
        Total-return prices, NaN where there is no bar.
    sectors : sequence of str, length N
        The sector of each column.
    first : int
        First session that counts, at least 64: the books are first drawn at the close before it.
    member : ndarray of bool, shape (T, N), or None
        What may be drawn at each close; None for all, always. A name that leaves is held until the next draw.
    """
    targets = random_targets(
        sessions, close, sectors, rng, first=first, books=books, limits=limits, member=member
    )
    returns = hold(open_, close, targets, portfolios=books, first=first, cost_bps=limits.cost_bps)
    return RandomBooks(returns=returns, sharpe=sharpe_ratios(returns))


def random_targets(
    sessions: NDArray[np.datetime64],
    close: Floats,
    sectors: Sequence[str],
    rng: np.random.Generator,
    *,
    first: int,
    books: int,
    limits: PortfolioLimits,
    member: NDArray[np.bool_] | None = None,
) -> Iterator[Target]:
    """Return what the random books should hold after each session, from `first` - 1 to the last but one."""
    moves = _moves(close, first)
    codes = np.unique(np.asarray(sectors), return_inverse=True)[1]
    drawn_at = {first - 1, *month_ends(sessions).tolist()}
    weights = np.zeros((books, len(codes)))
    for row in range(first - 1, len(close) - 1):
        window, due = _window(moves, row), _turns(row, first, books)
        if row in drawn_at:
            picked = _one_a_sector(_eligible(window, member, row), codes, books, limits.names, rng)
            weights, due = _inverse_volatility(picked, window), np.ones(books, dtype=bool)
        wanted = np.full(weights.shape, np.nan)
        wanted[due] = _scaled(weights[due], window, limits.target_volatility, limits.exposure_max)
        yield Target(row, wanted)


def equal_weight(
    open_: Floats,
    close: Floats,
    *,
    first: int,
    target_volatility: float = np.inf,
    cost_bps: float = 10.0,
    member: NDArray[np.bool_] | None = None,
) -> Floats:
    """Return the daily returns (T - first,) of all names in equal parts, scaled weekly to the target volatility.

    Fully invested where the target is infinite. Decided at the close from the 21 sessions up to it, traded at the
    next open; five equal parts of the money take turns, one a session, so the result does not hang on a weekday.
    """
    targets = even_targets(close, first=first, target_volatility=target_volatility, member=member)
    returns = hold(open_, close, targets, portfolios=WEEK_SESSIONS, first=first, cost_bps=cost_bps)
    equity = np.cumprod(1.0 + returns, axis=1).mean(axis=0)
    return np.asarray(equity / np.append(1.0, equity[:-1]) - 1.0)


def even_targets(
    close: Floats, *, first: int, target_volatility: float, member: NDArray[np.bool_] | None = None
) -> Iterator[Target]:
    """Return what the five equal-weight portfolios should hold after each session, from `first` - 1 on."""
    moves = _moves(close, first)
    for row in range(first - 1, len(close) - 1):
        window, due = _window(moves, row), _turns(row, first, WEEK_SESSIONS)
        eligible = _eligible(window, member, row)
        even = np.asarray(eligible / max(int(eligible.sum()), 1))[None, :]
        yield Target(row, np.where(due[:, None], _scaled(even, window, target_volatility, 1.0), np.nan))


def percentile(sharpe: float, books: RandomBooks) -> float:
    """Share of the books below `sharpe`, ties a half, in [0, 100]."""
    below = np.mean(books.sharpe < sharpe) + np.mean(books.sharpe <= sharpe)
    return float(below / 2 * 100)


def _moves(close: Floats, first: int) -> Floats:
    """Daily returns (T - 1, N): row t - 1 is the return of session t."""
    if not NAME_VOLATILITY_SESSIONS < first < len(close):
        raise InvariantError(
            f"First session {first} of {len(close)}: it needs {NAME_VOLATILITY_SESSIONS + 1} sessions before it."
        )
    return np.asarray(close[1:] / close[:-1] - 1.0)


def _window(moves: Floats, row: int) -> Floats:
    """The 63 returns up to the close of `row`, and nothing later."""
    return moves[row - NAME_VOLATILITY_SESSIONS : row]


def _eligible(window: Floats, member: NDArray[np.bool_] | None, row: int) -> NDArray[np.bool_]:
    """Names with a full window that belong at the close of `row`."""
    full = np.isfinite(window).all(axis=0)
    return np.asarray(full if member is None else full & member[row])


def _turns(row: int, first: int, books: int) -> NDArray[np.bool_]:
    """Which portfolios trade after `row`: all at the start, then every fifth session, taking turns."""
    since = row - first + 1
    return np.asarray((np.arange(books) % WEEK_SESSIONS == since % WEEK_SESSIONS) | (since == 0))


def _one_a_sector(
    eligible: NDArray[np.bool_], codes: NDArray[np.intp], books: int, names: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Pick up to `names` names for each book, no two of a sector, each sector as likely, shape (books, N)."""
    lots = np.where(eligible, rng.random((books, len(codes))), np.inf)
    by_sector = np.stack([np.where(codes == code, lots, np.inf) for code in range(codes.max() + 1)], axis=1)
    chosen, found = by_sector.argmin(axis=2), np.isfinite(by_sector.min(axis=2))
    draw = np.where(found, rng.random(found.shape), np.inf)
    kept = (draw.argsort(axis=1).argsort(axis=1) < names) & found
    picked = np.zeros((books, len(codes)), dtype=bool)
    picked[np.nonzero(kept)[0], chosen[kept]] = True
    return picked


def _inverse_volatility(picked: NDArray[np.bool_], window: Floats) -> Floats:
    """Weights (B, N) in proportion to 1 / volatility among the picked names, summing to 1."""
    deviation = window.std(axis=0, ddof=1)
    inverse = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    weights = np.where(picked, inverse, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(weights, total, out=np.zeros_like(weights), where=total > 0))


def _scaled(weights: Floats, window: Floats, target_volatility: float, exposure_max: float) -> Floats:
    """Scale weights (B, N) so that the past 21 sessions' volatility of each meets the target, to the cap."""
    past = np.nan_to_num(window[-PORTFOLIO_VOLATILITY_SESSIONS:]) @ weights.T
    volatility = past.std(axis=0, ddof=1) * np.sqrt(SESSIONS_PER_YEAR)
    scale = np.divide(target_volatility, volatility, out=np.zeros_like(volatility), where=volatility > 0)
    return np.asarray(weights * np.minimum(scale, exposure_max)[:, None])
