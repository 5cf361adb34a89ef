"""A trained policy as plain arrays: one batch of matrix products, no torch."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from core.errors import ArtefactError
from core.plain_words import plain_reason
from models.rl.market import Features
from models.storage.bounded_zip import read_entries

LAYERS_MAX = 8
ACTOR_BYTES_MAX = 16 * 2**20
OBSERVATION_MAX = 3.0
OVERFLOW = 1e30
MEMBERS = ("ppo", "a2c", "ddpg")
TRAIN_HINT = "POST /train trains a new one."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Actor:
    """The deterministic part of a policy: a small dense network from observation to target position.

    Attributes
    ----------
    weights : tuple of ndarray of float32, shape (inputs, outputs)
    biases : tuple of ndarray of float32, shape (outputs,)
    squashed : bool
        True for ReLU layers and a tanh output (DDPG), False for tanh layers and a clipped output (PPO, A2C).
    """

    weights: tuple[Features, ...]
    biases: tuple[Features, ...]
    squashed: bool

    @property
    def width(self) -> int:
        """Features of the observations it was trained on."""
        return int(self.weights[0].shape[0])

    def act(self, observations: Features) -> NDArray[np.float64]:
        """Return target positions in [-1, 1], shape (n,), for observations of shape (n, width)."""
        layer = observations
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            inner = layer @ weight
            inner += bias
            layer = np.maximum(inner, 0, out=inner) if self.squashed else np.tanh(inner, out=inner)
        out = (layer @ self.weights[-1] + self.biases[-1])[:, 0].astype(np.float64)
        return np.tanh(out) if self.squashed else np.clip(out, -1.0, 1.0)

    def dump(self) -> bytes:
        """Return the actor as an `.npz` without pickles."""
        body = io.BytesIO()
        named: dict[str, Any] = {f"weight_{i}": w for i, w in enumerate(self.weights)}
        named |= {f"bias_{i}": b for i, b in enumerate(self.biases)}
        np.savez(body, **named, squashed=np.array(self.squashed))
        return body.getvalue()


def load_actor(body: bytes) -> Actor:
    """Read an actor; sizes and shapes are checked before anything of them is allocated.

    Raises
    ------
    ArtefactError
        When the bytes are no actor, or one whose numbers would overflow.
    """
    layers = sum(f"weight_{i}.npy".encode() in body for i in range(LAYERS_MAX + 1))
    if not 0 < layers <= LAYERS_MAX:
        raise _refused(f"it has {layers} layers, 1 to {LAYERS_MAX} are read")
    names = [f"{kind}_{i}.npy" for kind in ("weight", "bias") for i in range(layers)]
    entries = read_entries(body, dict.fromkeys([*names, "squashed.npy"], ACTOR_BYTES_MAX), hint=TRAIN_HINT)
    actor = Actor(
        weights=tuple(_layer(entries, f"weight_{i}.npy", 2) for i in range(layers)),
        biases=tuple(_layer(entries, f"bias_{i}.npy", 1) for i in range(layers)),
        squashed=bool(_array(entries["squashed.npy"], np.bool_, 0)),
    )
    _check_shapes(actor)
    return actor


def _layer(entries: Mapping[str, bytes], name: str, dimensions: int) -> Features:
    array: Features = _array(entries[name], np.float32, dimensions)
    if not np.isfinite(array).all():
        raise _refused(f"{name} is not of finite numbers")
    return np.ascontiguousarray(array)


def _array(body: bytes, kind: type, dimensions: int) -> NDArray[Any]:
    """Read an `.npy` whose header must say exactly what follows it."""
    stream = io.BytesIO(body)
    try:
        if npy.read_magic(stream) != (1, 0):
            raise ValueError("it is of another version of the format")
        shape, fortran, found = npy.read_array_header_1_0(stream)
    except (ValueError, EOFError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise _refused(f"an array's header cannot be read: {plain_reason(error)}") from error
    rest = body[stream.tell() :]
    if found != np.dtype(kind) or len(shape) != dimensions:
        raise _refused(f"an array is {found} of {len(shape)} dimensions")
    if any(size < 1 for size in shape) or math.prod(shape) * found.itemsize != len(rest):
        raise _refused(f"an array of shape {shape} has {len(rest)} bytes")
    return np.frombuffer(rest, dtype=found).reshape(shape, order="F" if fortran else "C")


def _check_shapes(actor: Actor) -> None:
    """Refuse layers that do not follow one another, and numbers that no observation may be multiplied by."""
    widths = [actor.width, *(bias.shape[0] for bias in actor.biases)]
    if [weight.shape for weight in actor.weights] != list(pairwise(widths)):
        raise _refused("its layers do not follow one another")
    if widths[-1] != 1:
        raise _refused("its last layer does not end in one position")
    bound = OBSERVATION_MAX
    for weight, bias in zip(actor.weights, actor.biases, strict=True):
        bound = bound * float(np.abs(weight).sum(axis=0, dtype=np.float64).max()) + float(np.abs(bias).max())
        if bound > OVERFLOW:
            raise _refused("its numbers would overflow")
        bound = bound if actor.squashed else min(1.0, bound)


def _refused(why: str) -> ArtefactError:
    return ArtefactError(f"The stored policy cannot be read: {why}.", hint=TRAIN_HINT)
