"""The null a strategy has to beat: its own trades dealt to names at random; and the equal-weight portfolios.

A random book holds as many names as the strategy does, buys and sells in the sessions in which the strategy does,
pays what it pays, and is invested and scaled as it is; only which names it holds is left to chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.holding import Target, hold
from core.errors import InvariantError
from core.market import Floats
from core.statistics import SESSIONS_PER_YEAR, sharpe_ratios

NAME_VOLATILITY_SESSIONS = 63
PORTFOLIO_VOLATILITY_SESSIONS = 21
WEEK_SESSIONS = 5
SHARPE_TIE = 0.02
"""Sharpe ratios no further apart are the same: a book of all names, dealt to all names, has nothing to choose."""
NOBODY = -1
Sizes = Callable[[int, NDArray[np.intp], Floats], Floats]
"""Given a row, who stands for whom (B, N) and the strategy's shares of equity (N,): what each holds, (B, N)."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Holdings:
    """What a strategy held and when it traded, to be dealt to other names.

    Attributes
    ----------
    held : ndarray of float64, shape (S, N)
        Share of equity in each name at each close, from the session of the first decision on.
    traded : ndarray of bool, shape (S, N)
        Which names had a fill in each session.
    wanted : ndarray of float64, shape (S, N), or None
        Share of equity that the strategy decided at each close to hold of a name from the next open on, where it
        sizes its names itself and no limit refused it; NaN elsewhere. None for one that never does.
    resize_min : float
        Share of equity by which a name must be off what is wanted before the strategy trades it.
    """

    held: Floats
    traded: NDArray[np.bool_]
    wanted: Floats | None = None
    resize_min: float = 0.0


def random_books(
    open_: Floats,
    close: Floats,
    holdings: Holdings,
    sizes: Sizes,
    rng: np.random.Generator,
    *,
    first: int,
    books: int,
    cost_bps: float,
    bills: Floats | None = None,
    member: NDArray[np.bool_] | None = None,
) -> RandomBooks:
    """Deal a strategy's trades to names at random and hold them.

    Parameters
    ----------
    open_, close : ndarray of float64, shape (T, N)
        Total-return prices, NaN where there is no bar.
    sizes : callable
        `own_shares`, or what `equal_shares` returns.
    first : int
        First session that counts; row 0 of the holdings is the one before.
    bills : ndarray of float64, shape (T,), or None
        What cash earns in each session; the Sharpe ratios are over it.
    member : ndarray of bool, shape (T, N), or None
        Which names may be dealt at each close; None for all, always.
    """
    targets = dealt_targets(open_, close, holdings, sizes, rng, first=first, books=books, member=member)
    returns = hold(open_, close, targets, portfolios=books, first=first, cost_bps=cost_bps, bills=bills)
    return RandomBooks(returns=returns, sharpe=sharpe_ratios(returns - (0.0 if bills is None else bills[first:])))


def own_shares(row: int, stands: NDArray[np.intp], shares: Floats) -> Floats:
    """Size each name as the strategy sizes the one it stands for: the strategy's own weights, dealt to others."""
    del row
    return np.broadcast_to(shares, stands.shape)


def equal_shares(close: Floats, exposure_max: float | None) -> Sizes:
    """Return sizes that give every name the same share of the book's exposure.

    Parameters
    ----------
    exposure_max : float or None
        For a strategy that scales itself to a volatility: each book is scaled so that its volatility over the 21
        sessions before is what the strategy's was, up to this exposure. None: invested as the strategy is.
    """
    moves = np.nan_to_num(close[1:] / close[:-1] - 1.0)

    def sizes(row: int, stands: NDArray[np.intp], shares: Floats) -> Floats:
        held = (shares > 0) & (stands != NOBODY)
        count = np.maximum(held.sum(axis=1), 1)
        exposure = np.full(len(stands), shares.sum())
        if exposure_max is not None:
            weights = np.zeros(stands.shape)
            book, name = np.nonzero(held)
            weights[book, stands[book, name]] = 1.0 / count[book]
            past = moves[max(0, row - 1 - PORTFOLIO_VOLATILITY_SESSIONS) : row - 1]
            own, volatility = (past @ shares).std(ddof=1), (past @ weights.T).std(axis=0, ddof=1)
            scale = np.divide(own, volatility, out=np.zeros_like(volatility), where=volatility > 0)
            exposure = np.minimum(scale, exposure_max)
        return np.where(held, (exposure / count)[:, None], 0.0)

    return sizes


def dealt_targets(
    open_: Floats,
    close: Floats,
    holdings: Holdings,
    sizes: Sizes,
    rng: np.random.Generator,
    *,
    first: int,
    books: int,
    member: NDArray[np.bool_] | None = None,
) -> Iterator[Target]:
    """Return what the books trade to at the open of each session in which the strategy traded.

    A name that the strategy enters is dealt, in each book, to a name drawn from those that can be traded then
    and that the book does not hold; it stands for it until the strategy has sold. What the strategy neither
    trades nor sizes, the books do not trade. Where it sizes what it holds, each book resizes what is off its own
    target by as much as the strategy waits for: whoever resizes what has risen or fallen bets on what follows,
    and the books make the same bet with their names. Where the strategy sells what has left the universe, a book
    that holds it sells it too, and not the name that stands for it: else the books alone would go on with what
    left.
    """
    stands = np.full((books, close.shape[1]), NOBODY, dtype=np.intp)
    wanted, resize_min = _wanted(holdings), None if holdings.wanted is None else holdings.resize_min
    for session in (np.flatnonzero((holdings.traded | np.isfinite(wanted))[1:].any(axis=1)) + 1).tolist():
        row, kept = first - 1 + session, holdings.held[session] > 0
        moved, sized = holdings.traded[session], np.isfinite(wanted[session])
        weights = np.full((books, close.shape[1]), np.nan)
        for name in np.flatnonzero(moved & ~kept).tolist():
            if member is not None and not member[row - 1, name]:
                _stand_for_itself(stands, name)
            _set(weights, stands[:, name], np.zeros(books))
            stands[:, name] = NOBODY
        tradable = np.isfinite(open_[row]) & np.isfinite(close[row - 1])
        if member is not None:
            tradable &= member[row - 1]
        for name in np.flatnonzero(moved & kept & (stands == NOBODY).all(axis=0)).tolist():
            stands[:, name] = _drawn(stands, tradable, rng)
        at_open = _shares_at_open(holdings.held[session], open_[row], close[row])
        wished = sizes(row, stands, np.where(sized, wanted[session], at_open))
        book, place = np.nonzero((stands != NOBODY) & (moved | sized) & kept)
        weights[book, stands[book, place]] = wished[book, place]
        yield Target(row - 1, weights, resize_min)


def _wanted(holdings: Holdings) -> Floats:
    """Return what the strategy wanted from each session's open on, of what it held at its close, shape (S, N)."""
    wanted = np.full(holdings.held.shape, np.nan)
    if holdings.wanted is not None:
        wanted[1:] = np.where(holdings.held[1:] > 0, holdings.wanted[:-1], np.nan)
    return wanted


def equal_weight(
    open_: Floats,
    close: Floats,
    *,
    first: int,
    target_volatility: float = np.inf,
    cost_bps: float = 10.0,
    bills: Floats | None = None,
    member: NDArray[np.bool_] | None = None,
) -> Floats:
    """Return the daily returns (T - first,) of all names in equal parts, scaled weekly to the target volatility.

    Fully invested where the target is infinite. Decided at the close from the 21 sessions up to it, traded at the
    next open; five equal parts of the money take turns, one a session, so the result does not hang on a weekday.
    """
    targets = even_targets(close, first=first, target_volatility=target_volatility, member=member)
    returns = hold(open_, close, targets, portfolios=WEEK_SESSIONS, first=first, cost_bps=cost_bps, bills=bills)
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
    below = np.mean(books.sharpe < sharpe - SHARPE_TIE) + np.mean(books.sharpe <= sharpe + SHARPE_TIE)
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


def _drawn(stands: NDArray[np.intp], tradable: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw for each book a name that can be traded and stands for none, shape (B,); NOBODY where none is left."""
    free = np.tile(tradable, (len(stands), 1))
    book, name = np.nonzero(stands != NOBODY)
    free[book, stands[book, name]] = False
    lots = np.where(free, rng.random(free.shape), -1.0)
    chosen = lots.argmax(axis=1)
    return np.where(free.any(axis=1), chosen, NOBODY)


def _stand_for_itself(stands: NDArray[np.intp], name: int) -> None:
    """Let a name stand for itself where a book holds it for another, which what stood for it stands for now."""
    book, other = np.nonzero(stands == name)
    both = stands[book, name] != NOBODY
    stands[book[both], other[both]] = stands[book[both], name]
    stands[book[both], name] = name


def _set(wanted: Floats, standing: NDArray[np.intp], values: Floats) -> None:
    """Write each book's value at the name that stands for the strategy's."""
    book = np.flatnonzero(standing != NOBODY)
    wanted[book, standing[book]] = values[book]


def _shares_at_open(held: Floats, opens: Floats, closes: Floats) -> Floats:
    """Return shares of equity (N,) at a session's open, from those at its close: its return taken out."""
    at_open = held * np.divide(opens, closes, out=np.ones_like(closes), where=np.isfinite(opens) & (closes > 0))
    return np.asarray(at_open / (1.0 - held.sum() + at_open.sum()))


def _scaled(weights: Floats, window: Floats, target_volatility: float, exposure_max: float) -> Floats:
    """Scale weights (B, N) so that the past 21 sessions' volatility of each meets the target, to the cap."""
    past = np.nan_to_num(window[-PORTFOLIO_VOLATILITY_SESSIONS:]) @ weights.T
    volatility = past.std(axis=0, ddof=1) * np.sqrt(SESSIONS_PER_YEAR)
    scale = np.divide(target_volatility, volatility, out=np.zeros_like(volatility), where=volatility > 0)
    return np.asarray(weights * np.minimum(scale, exposure_max)[:, None])
