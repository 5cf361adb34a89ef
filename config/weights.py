"""What each agent's vote counts for."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from config.frozen import Frozen


class AgentWeights(Frozen):
    """Prior weight of each agent's vote; they renormalise over the agents that gave a signal.

    Beside ours it takes every registered agent by its name; one that is not named is heard and not counted.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[float, Field(ge=0)]] = Field(init=False)

    market: Annotated[float, Field(ge=0)] = 0.20
    quant: Annotated[float, Field(ge=0)] = 0.30
    rl: Annotated[float, Field(ge=0)] = 0.15
    sentiment: Annotated[float, Field(ge=0)] = 0.10
    momentum: Annotated[float, Field(ge=0)] = 0.15
    regime: Annotated[float, Field(ge=0)] = 0.10


class LegacyWeights(Frozen):
    """Weights of the legacy v2 vote: six signals and no ranker."""

    market: Annotated[float, Field(ge=0)] = 0.25
    momentum: Annotated[float, Field(ge=0)] = 0.20
    rsi: Annotated[float, Field(ge=0)] = 0.15
    rl: Annotated[float, Field(ge=0)] = 0.15
    sentiment: Annotated[float, Field(ge=0)] = 0.10
    regime: Annotated[float, Field(ge=0)] = 0.15
