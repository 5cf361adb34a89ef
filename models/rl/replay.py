"""A policy over a market: the positions it would have held, and what they earned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from core.statistics import sharpe_ratios
from core.types import Floats
from models.rl.batch import OWN_FEATURES, Rules, held_after, held_feature
from models.rl.market import Features, RlMarket


class Policy(Protocol):
    """Anything that turns observations into target positions."""

    def act(self, observations: Features) -> Floats:
        """Return target positions in [-1, 1], shape (n,)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trajectory:
    """The actions and positions of a policy.

    Attributes
    ----------
    actions : ndarray of float64, shape (S, T)
        Target positions asked for after each session, in [-1, 1]; NaN where the factors are missing.
    positions : ndarray of float64, shape (S, T)
        What was held for it; 0 where the factors are missing.
    """

    actions: Floats
    positions: Floats


def run_policy(policy: Policy, market: RlMarket, rules: Rules) -> Trajectory:
    """Run a policy on every ticker through all sessions, starting flat; one batch a session."""
    tickers, sessions = market.known.shape
    actions = np.full((tickers, sessions), np.nan)
    positions = np.zeros((tickers, sessions))
    held = np.zeros(tickers, dtype=np.int64)
    before = np.zeros(tickers)
    observations = np.empty((tickers, market.features.shape[2] + OWN_FEATURES), dtype=np.float32)
    for session in range(sessions):
        known = market.known[:, session]
        observations[:, :-OWN_FEATURES] = market.features[:, session]
        observations[:, -2] = before
        observations[:, -1] = held_feature(held)
        wanted = policy.act(observations)
        after = np.where(known, np.clip(wanted, rules.lowest, 1.0), 0.0)
        actions[:, session] = np.where(known, wanted, np.nan)
        positions[:, session] = after
        held, before = held_after(held, before, after), after
    return Trajectory(actions=actions, positions=positions)


def portfolio_returns(positions: Floats, market: RlMarket, cost: float) -> Floats:
    """Return what an equal-weight portfolio of positions earns each session, after costs.

    Parameters
    ----------
    positions : ndarray of float64, shape (S, T)
        Of a portfolio of one unit a ticker, in [-1, 1].

    Returns
    -------
    ndarray of float64, shape (T,)
        Mean over the tickers that are priced; 0 where none is.
    """
    priced = market.priced
    earned = np.where(priced, positions * np.nan_to_num(market.returns), 0.0)
    earned -= cost * np.abs(np.diff(positions, axis=1, prepend=0.0)) * priced
    mean: Floats = earned.sum(axis=0) / np.maximum(priced.sum(axis=0), 1)
    return mean


def equal_weight_returns(market: RlMarket, cost: float) -> Floats:
    """Return the returns of the same money in every ticker every session, shape (T,)."""
    return portfolio_returns(np.ones(market.known.shape), market, cost)


def buy_and_hold_returns(market: RlMarket, cost: float) -> Floats:
    """Return the returns of the same money in every ticker at the start, never traded again, shape (T,)."""
    growth = np.cumprod(1 + np.nan_to_num(np.where(market.priced, market.returns, 0.0)), axis=1)
    listed = market.priced[:, :1]
    if not listed.any():
        return np.zeros(market.known.shape[1])
    value = np.concatenate([[1.0], (growth * listed).sum(axis=0) / listed.sum()])
    returns: Floats = value[1:] / value[:-1] - 1
    returns[0] -= cost
    return returns


def chance_p(positions: Floats, market: RlMarket, cost: float, *, draws: int, seed: int) -> float:
    """Return how often the same positions, dealt to other tickers and days, earn a Sharpe at least as high.

    Each draw deals the rows of positions to the tickers by chance and turns them all in time by the same
    random shift: exposure, turnover and the portfolio's swings stay, only what they were aimed at is lost. A
    portfolio that always holds all is its own every draw, so p is 1.

    Returns
    -------
    float
        (1 + draws at least as good) / (1 + draws), in (0, 1].
    """
    rng = np.random.default_rng(seed)
    own = float(sharpe_ratios(portfolio_returns(positions, market, cost)))
    tickers, sessions = positions.shape
    as_good = 0
    for _ in range(draws):
        dealt = np.roll(positions[rng.permutation(tickers)], int(rng.integers(sessions)), axis=1)
        as_good += float(sharpe_ratios(portfolio_returns(dealt, market, cost))) >= own - 1e-9
    return (1 + as_good) / (1 + draws)
