"""What challengers may have of a baseline's capital: a seed each, and more only while their edge is shown.

Everything is counted in units of the baseline: 1 is what the whole capital would be, had it stayed there. So the
law is an identity, whatever the challengers' returns: the part that stays is never below 1 less the seeds less
`granted_max`, and no account is below 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from analysis.evidence import EvidenceState


class CapitalRule(Struct, frozen=True, kw_only=True):
    """Who may earn capital, and how much.

    Attributes
    ----------
    seed : float
        Share of the capital each challenger starts with.
    granted_max : float
        Most that may be lent beyond the seeds and not have come back, as a share of the capital.
    """

    challengers: tuple[str, ...]
    seed: float = 0.0
    granted_max: float = 0.30

    def opening(self) -> Capital:
        """Return the capital before the first session."""
        seeds = dict.fromkeys(self.challengers, self.seed)
        return Capital(baseline=1.0 - sum(seeds.values()), seeds=seeds)


class Capital(Struct, frozen=True, kw_only=True):
    """Who has what, in units of the baseline.

    Attributes
    ----------
    baseline : float
        What stays in the baseline.
    seeds, grants : mapping of str to float
        What each challenger has of its own, and of what it was lent.
    lent : float
        What was lent and has not come back: losses on it use up `granted_max` for good.
    """

    baseline: float = 1.0
    seeds: Mapping[str, float] = field(default_factory=dict)
    grants: Mapping[str, float] = field(default_factory=dict)
    lent: float = 0.0

    @property
    def total(self) -> float:
        """All of it: wealth over that of the baseline alone."""
        return self.baseline + sum(self.seeds.values()) + sum(self.grants.values())

    def shares(self) -> Mapping[str, float]:
        """Return each challenger's share of the whole, in [0, 1]; the rest is the baseline's."""
        held = {name: self.seeds.get(name, 0.0) + self.grants.get(name, 0.0) for name in self.seeds}
        return {name: value / self.total for name, value in held.items()}


def after_session(
    capital: Capital, growth: Mapping[str, float], states: Mapping[str, EvidenceState], rule: CapitalRule
) -> Capital:
    """Return who has what after a session.

    Parameters
    ----------
    growth : mapping of str to float
        Each challenger's growth over the baseline's in the session, (1 + r) / (1 + r_baseline), at or above 0;
        one that is missing is taken as 1.
    states : mapping of str to EvidenceState
        What the evidence up to this session says of each.
    """
    seeds = {name: value * growth.get(name, 1.0) for name, value in capital.seeds.items()}
    grants = {name: value * growth.get(name, 1.0) for name, value in capital.grants.items()}
    baseline, lent = capital.baseline, capital.lent
    for name in rule.challengers:
        state = states.get(name, EvidenceState.NOT_KNOWN)
        if state is not EvidenceState.SHOWN and name in grants:
            back = grants.pop(name)
            baseline, lent = baseline + back, max(0.0, lent - back)
        if state is EvidenceState.SHOWN_WORSE:
            baseline, seeds[name] = baseline + seeds.get(name, 0.0), 0.0
        if state is EvidenceState.SHOWN and name not in grants:
            grant = min(rule.granted_max / len(rule.challengers), rule.granted_max - lent, baseline)
            if grant > 0:
                grants[name] = grant
                baseline, lent = baseline - grant, lent + grant
    return Capital(baseline=baseline, seeds=seeds, grants=grants, lent=lent)
