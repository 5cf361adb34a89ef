"""A trained policy as plain arrays: one batch of matrix products, no torch."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ArtefactError
from models.rl.market import Features

LAYERS_MAX = 8
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

    def act(self, seen: Features) -> NDArray[np.float64]:
        """Give target positions in [-1, 1], shape (n,), for observations of shape (n, width)."""
        layer = seen
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            inner = layer @ weight
            inner += bias
            layer = np.maximum(inner, 0, out=inner) if self.squashed else np.tanh(inner, out=inner)
        out = (layer @ self.weights[-1] + self.biases[-1])[:, 0].astype(np.float64)
        return np.tanh(out) if self.squashed else np.clip(out, -1.0, 1.0)

    def digest(self) -> str:
        """Seal the weights: SHA-256 over every number, hexadecimal."""
        seal = hashlib.sha256(b"squashed" if self.squashed else b"clipped")
        for array in (*self.weights, *self.biases):
            seal.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return seal.hexdigest()

    def dump(self) -> bytes:
        """Give the actor as an `.npz` without pickles."""
        body = io.BytesIO()
        named: dict[str, Any] = {f"weight_{i}": w for i, w in enumerate(self.weights)}
        named |= {f"bias_{i}": b for i, b in enumerate(self.biases)}
        np.savez(body, **named, squashed=np.array(self.squashed))
        return body.getvalue()


def load_actor(body: bytes) -> Actor:
    """Read an actor.

    Raises
    ------
    ArtefactError
        When the bytes are no actor.
    """
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as stored:
            count = sum(name.startswith("weight_") for name in stored.files)
            weights = tuple(_floats(stored[f"weight_{i}"], 2) for i in range(count))
            biases = tuple(_floats(stored[f"bias_{i}"], 1) for i in range(count))
            actor = Actor(weights=weights, biases=biases, squashed=bool(stored["squashed"]))
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ArtefactError(f"The stored policy cannot be read: {error}.", hint=TRAIN_HINT) from error
    if not 0 < count <= LAYERS_MAX or weights[-1].shape[1] != 1:
        raise ArtefactError("The stored policy has no layers from observation to position.", hint=TRAIN_HINT)
    return actor


def _floats(array: NDArray[np.generic], dimensions: int) -> Features:
    if array.dtype != np.float32 or array.ndim != dimensions or not np.isfinite(array).all():
        raise ValueError("a layer is not of finite float32")
    return np.ascontiguousarray(array)
