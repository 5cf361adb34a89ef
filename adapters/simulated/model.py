"""The simulated market's law: a factor model with two volatility regimes, fat tails, drifts and gaps.

A symbol's log return is beta * market + sector + own part. The market has a calm and a stormy regime (a Markov
chain); all shocks are Student t, scaled to unit variance; sectors and stocks carry a slow AR(1) drift, which is
momentum that can be learnt; now and then a stock jumps overnight on its own news. Sizes are those of US large
caps: 14 % and 32 % a year for the market by regime.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.types import Floats
from core.universe import Universe

STORM_BEGINS, STORM_ENDS = 0.008, 0.03
MARKET_DRIFT = np.array([0.0005, -0.0004])
MARKET_VOLATILITY = np.array([0.009, 0.020])
STORM_SCALE = np.array([1.0, 1.7])
SECTOR_VOLATILITY = 0.005
DRIFT_MEMORY = 0.985
SECTOR_DRIFT, STOCK_DRIFT = 0.0006, 0.0008
JUMP_PROBABILITY, JUMP_SIZE = 1 / 63, 0.035
OVERNIGHT_SHARE = 0.3
BRIDGE_TERMS = 12
SHOCK_MAX = 7.0
PULL = 0.002
GROWTH = 0.0002  # about 5 % a year
PART_SESSIONS = 128


class Paths(NamedTuple):
    """Daily bars, each of shape (T, N) with the columns of the universe."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a symbol is from birth, each of shape (N,).

    Attributes
    ----------
    sector : ndarray of int
        Index of its sector; -1 for the benchmark.
    own_volatility : ndarray
        Daily standard deviation of its own part; 0 for the benchmark.
    """

    sector: NDArray[np.intp]
    is_stock: NDArray[np.bool_]
    beta: Floats
    own_volatility: Floats
    first_price: Floats
    base_volume: Floats


def simulate(seed: int, sessions: int, universe: Universe, first: int = 0) -> Paths:
    """Draw the sessions `first` to `sessions` of a seed's market.

    Sessions are drawn in parts, so that only the result grows with a universe of thousands.

    Returns
    -------
    Paths
        Equal, byte for byte, in its sessions to any longer one of the same seed.
    """
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(9)]
    traits = _traits(streams[0], universe)
    stormy = _regimes(streams[1].random(sessions))
    scale = STORM_SCALE[stormy][:, None]
    market = MARKET_DRIFT[stormy] + MARKET_VOLATILITY[stormy] * _fat(streams[2], (sessions,), 5)
    state = _State.of(traits, len(universe.sectors))
    kept = Paths(*(np.empty((max(sessions - first, 0), len(universe.symbols))) for _ in Paths._fields))
    for begin in range(0, sessions, PART_SESSIONS):
        rows = slice(begin, min(begin + PART_SESSIONS, sessions))
        part = _part(streams, rows, traits, market[rows], scale[rows], state)
        since = max(begin, first)
        if since < rows.stop:
            for whole, drawn in zip(kept, part, strict=True):
                whole[since - first : rows.stop - first] = drawn[since - begin :]
    return kept


@dataclass(frozen=True, slots=True)
class _State:
    """What a session takes over from the one before; each array is moved on in place.

    Attributes
    ----------
    sector_drift, drift : ndarray, shapes (S,) and (N,)
    away : ndarray, shape (N,)
        How far the log price is from its slow growth.
    close : ndarray, shape (N,)
    """

    sector_drift: Floats
    drift: Floats
    away: Floats
    close: Floats

    @classmethod
    def of(cls, traits: Traits, sectors: int) -> _State:
        """Return what the first session takes over."""
        count = len(traits.sector)
        return cls(np.zeros(sectors), np.zeros(count), np.zeros(count), traits.first_price.copy())


def _part(
    streams: Sequence[np.random.Generator],
    rows: slice,
    traits: Traits,
    market: Floats,
    scale: Floats,
    state: _State,
) -> Paths:
    """Draw the next sessions."""
    sector = _sectors(streams[3], scale, state.sector_drift)
    own, jumps = _own(streams[4], streams[5], traits, scale, state.drift)
    returns = market[:, None] * traits.beta + sector[:, traits.sector] * (traits.sector >= 0) + own + jumps
    noise = streams[6].standard_normal((len(scale), 4, len(traits.sector)))
    close = traits.first_price * np.exp(_levels(returns, rows.start, state.away))
    paths = _bars(returns, jumps, traits, scale, noise, np.vstack([state.close[None, :], close]))
    state.close[:] = close[-1]
    return paths


def intraday_noise(seed: int, row: int, spread: Floats) -> Floats:
    """Draw a session's bridge from open to close, as amplitudes of its sine terms.

    Parameters
    ----------
    spread : ndarray, shape (N,)
        The session's log(high / low).

    Returns
    -------
    ndarray, shape (K, N)
        Amplitudes of the Karhunen-Loeve terms sqrt(2) sin(k pi u) / (k pi) of a Brownian bridge, whose
        volatility is the range's by Parkinson (1980): log(high / low) / sqrt(4 log 2).
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 1, row]))
    return np.asarray(rng.standard_normal((BRIDGE_TERMS, len(spread))) * spread / np.sqrt(4 * np.log(2)))


def _traits(rng: np.random.Generator, universe: Universe) -> Traits:
    symbols, sectors = universe.symbols, tuple(universe.sectors)
    count = len(symbols)
    sector_of = {sector.etf: name for name, sector in universe.sectors.items()} | dict(universe.sector_of)
    sector = np.array([sectors.index(sector_of[name]) if name in sector_of else -1 for name in symbols])
    is_stock = np.array([name in universe.sector_of for name in symbols])
    is_benchmark = sector < 0
    beta = np.where(is_stock, rng.uniform(0.6, 1.5, count), rng.uniform(0.8, 1.2, count))
    own = np.where(is_stock, rng.uniform(0.007, 0.016, count), 0.001)
    volume = np.exp(rng.normal(np.log(7e6), 0.9, count))
    return Traits(
        sector=sector,
        is_stock=is_stock,
        beta=np.where(is_benchmark, 1.0, beta),
        own_volatility=np.where(is_benchmark, 0.0, own),
        first_price=np.exp(rng.uniform(np.log(25), np.log(300), count)),
        base_volume=np.where(is_stock, volume, 1.5 * volume),
    )


def _regimes(draws: Floats) -> NDArray[np.intp]:
    out = np.zeros(len(draws), dtype=np.intp)
    stormy = False
    for row, draw in enumerate(draws):
        stormy = bool(draw >= STORM_ENDS) if stormy else bool(draw < STORM_BEGINS)
        out[row] = stormy
    return out


def _fat(rng: np.random.Generator, shape: tuple[int, ...], freedom: int) -> Floats:
    """Draw Student t shocks of unit variance, cut where a day would no longer be believable."""
    shocks: Floats = rng.standard_t(freedom, shape) * np.sqrt((freedom - 2) / freedom)
    return shocks.clip(-SHOCK_MAX, SHOCK_MAX)


def _drift(shocks: Floats, size: float, state: Floats) -> Floats:
    """Let unit shocks of shape (T, n) drive an AR(1) whose standard deviation is `size`, on from its state."""
    out = np.empty_like(shocks)
    step = size * np.sqrt(1 - DRIFT_MEMORY**2)
    for row, shock in enumerate(shocks):
        state[:] = DRIFT_MEMORY * state + step * shock
        out[row] = state
    return out


def _sectors(rng: np.random.Generator, scale: Floats, state: Floats) -> Floats:
    shocks = _fat(rng, (len(scale), 2, len(state)), 5)
    return _drift(shocks[:, 0], SECTOR_DRIFT, state) + SECTOR_VOLATILITY * scale * shocks[:, 1]


def _own(
    rng: np.random.Generator, jump_rng: np.random.Generator, traits: Traits, scale: Floats, state: Floats
) -> tuple[Floats, Floats]:
    count, is_stock = len(traits.sector), traits.is_stock
    shocks = _fat(rng, (len(scale), 2, count), 4)
    own = _drift(shocks[:, 0], STOCK_DRIFT, state) * is_stock + traits.own_volatility * scale * shocks[:, 1]
    draws = jump_rng.standard_normal((len(scale), 2, count))
    strikes = np.abs(draws[:, 0]) > 2.4137  # two-sided normal tail of JUMP_PROBABILITY
    return own, np.clip(strikes * is_stock * JUMP_SIZE * draws[:, 1], -0.2, 0.2)


def _levels(returns: Floats, begin: int, away: Floats) -> Floats:
    """Sum log returns of shape (T, N), each symbol pulled back to a slow growth: prices stay those of stocks.

    The pull is 0.2 % of the distance a session; without it a few of many symbols would stand at thousands of
    dollars after ten years.
    """
    out = np.empty_like(returns)
    for row, step in enumerate(returns, begin):
        away[:] = (1 - PULL) * away + step - GROWTH
        out[row - begin] = away + GROWTH * (row + 1)
    return out


def _bars(returns: Floats, jumps: Floats, traits: Traits, scale: Floats, noise: Floats, closes: Floats) -> Paths:
    """Make the bars between closes, shape (T + 1, N)."""
    daily = np.maximum(traits.own_volatility, 0.004) * scale
    before, close = closes[:-1], closes[1:]
    gap = jumps + OVERNIGHT_SHARE * (returns - jumps) + 0.3 * daily * noise[:, 0]
    opening = before * np.exp(gap)
    high = np.maximum(opening, close) * np.exp(0.6 * daily * np.abs(noise[:, 1]))
    low = np.minimum(opening, close) * np.exp(-0.6 * daily * np.abs(noise[:, 2]))
    busy = 0.3 * noise[:, 3] + 0.25 * np.minimum(np.abs(returns) / daily, 6.0)
    volume = np.round(traits.base_volume * np.exp(busy) * np.sqrt(scale))
    return Paths(open=opening, high=high, low=low, close=close, volume=volume)
