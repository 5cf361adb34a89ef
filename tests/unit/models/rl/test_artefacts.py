"""The RL members' files: only what the registry wrote is read, and nothing is overwritten by a fault."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from core.errors import ArtefactError
from models.rl.artefacts import (
    ACTOR,
    CARD,
    ENTRIES_KEPT,
    REGISTRY,
    TrainedMember,
    file_of,
    load_member,
    registry,
    save,
)
from models.rl.policy import Actor, load_actor
from tests.rl_markets import make_actor, make_card

NOW = datetime(2025, 3, 2, 7, tzinfo=UTC)


def packed(member: str = "ppo", seed: int = 0) -> TrainedMember:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("data", "{}")
    actor = make_actor(seed, squashed=member == "ddpg")
    return TrainedMember(model=body.getvalue(), actor=actor.dump(), card=make_card(member, seed))


@pytest.mark.parametrize("squashed", [False, True])
def test_an_actor_comes_back_to_the_bit(squashed: bool) -> None:
    actor = make_actor(3, squashed=squashed)
    again = load_actor(actor.dump())
    seen = np.random.default_rng(0).normal(size=(9, actor.width)).astype(np.float32)
    np.testing.assert_array_equal(actor.act(seen), again.act(seen))
    assert actor.dump() == again.dump() != make_actor(4, squashed=squashed).dump()


def test_members_come_back_and_others_stay(tmp_path: Path) -> None:
    save([packed("ppo", 1), packed("ddpg", 2)], tmp_path, NOW)
    save([packed("ppo", 3)], tmp_path, NOW)
    names = {member: load_member(tmp_path, member) for member in ("ppo", "a2c", "ddpg")}
    assert names["a2c"] is None
    assert names["ppo"] is not None
    assert names["ppo"].model_id == "rl-ppo-3"
    assert names["ddpg"] is not None
    assert names["ddpg"].actor.dump() == make_actor(2, squashed=True).dump()


def test_the_registry_keeps_the_last_ones(tmp_path: Path) -> None:
    for seed in range(ENTRIES_KEPT + 3):
        save([packed("ppo", seed)], tmp_path, NOW)
    assert len(registry(tmp_path)["ppo"]) == ENTRIES_KEPT
    assert load_member(tmp_path, "ppo") is not None


def truncated(body: bytes) -> bytes:
    return body[: len(body) // 2]


def flipped(body: bytes) -> bytes:
    return body[:-1] + bytes([body[-1] ^ 1])


def foreign(_: bytes) -> bytes:
    return packed("ppo", 77).model


@pytest.mark.parametrize("harm", [truncated, flipped, foreign, lambda _: b""])
def test_a_file_the_registry_did_not_write_is_refused(tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    save([packed("ppo", 1)], tmp_path, NOW)
    path = file_of(tmp_path, "ppo")
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(ArtefactError, match="not a model this engine wrote"):
        load_member(tmp_path, "ppo")


def test_a_known_file_of_another_member_is_refused(tmp_path: Path) -> None:
    save([packed("ppo", 1), packed("a2c", 1)], tmp_path, NOW)
    file_of(tmp_path, "ppo").write_bytes(file_of(tmp_path, "a2c").read_bytes())
    with pytest.raises(ArtefactError, match="not a model this engine wrote"):
        load_member(tmp_path, "ppo")


@pytest.mark.parametrize("content", ["", "[]", '{"ppo": [{}]}', '{"ppo": 3}', "nonsense"])
def test_a_broken_registry_is_refused_and_begun_anew_by_a_training(tmp_path: Path, content: str) -> None:
    save([packed("ppo", 1)], tmp_path, NOW)
    (tmp_path / REGISTRY).write_text(content)
    with pytest.raises(ArtefactError):
        load_member(tmp_path, "ppo")
    save([packed("ppo", 2)], tmp_path, NOW)
    assert load_member(tmp_path, "ppo") is not None


@pytest.mark.parametrize("body", [b"", b"nonsense", make_actor().dump()[:200]])
def test_an_actor_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(ArtefactError):
        load_actor(body)


def test_an_actor_of_objects_or_of_no_numbers_is_refused() -> None:
    actor = make_actor()
    pickled = io.BytesIO()
    np.savez(pickled, squashed=np.array(True), weight_0=np.array([{}], dtype=object), bias_0=np.zeros(1))
    with pytest.raises(ArtefactError):
        load_actor(pickled.getvalue())
    weights = (np.full_like(actor.weights[0], np.nan), actor.weights[1])
    with pytest.raises(ArtefactError, match="finite"):
        load_actor(Actor(weights=weights, biases=actor.biases, squashed=False).dump())


def test_a_fault_while_saving_leaves_the_old_members_in_use(tmp_path: Path) -> None:
    save([packed("ppo", 1)], tmp_path, NOW)
    file_of(tmp_path, "a2c").mkdir()
    with pytest.raises(OSError, match="a2c_model"):
        save([packed("a2c", 2), packed("ppo", 2)], tmp_path, NOW)
    held = load_member(tmp_path, "ppo")
    assert held is not None
    assert held.model_id == "rl-ppo-1"
    assert not list(tmp_path.glob("*.tmp"))


def test_the_zip_holds_sb3s_entries_and_ours(tmp_path: Path) -> None:
    save([packed("ppo", 1)], tmp_path, NOW)
    with zipfile.ZipFile(file_of(tmp_path, "ppo")) as archive:
        assert set(archive.namelist()) == {"data", ACTOR, CARD}
        assert json.loads(archive.read(CARD))["model_id"] == "rl-ppo-1"
