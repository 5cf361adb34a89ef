"""Tampered model files whose registry vouches for them: none crashes, none is waited for, each is named."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import signal
import socket
import time
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from core.errors import ArtefactError
from models.factors.table import FACTOR_NAMES
from models.ranker.artefact import BYTES_MAX, encode_artefact
from models.ranker.booster import booster_fault, load_booster
from models.ranker.booster_check import BoosterCheck
from models.ranker.registry import StoredRanker
from models.ranker.versions import FILE, REGISTRY, save
from models.rl import artefacts as rl_files
from models.rl.artefacts import ACTOR, CARD, TrainedMember, file_of
from models.rl.card import encode_card
from models.rl.ensemble import EnsembleProvider
from models.sentiment.finbert_artefact import INT8, MANIFEST, TOKENIZER, FinbertArtefact, keep
from models.sentiment.finbert_artefact import read as read_finbert
from models.sentiment.finbert_load import finbert_fault
from models.storage.examination import examine
from tests.rankers import make, renamed, sound_booster, with_booster
from tests.rl_markets import make_actor, make_card

AT = datetime(2025, 3, 1, 12, tzinfo=UTC)
FEATURES = len(FACTOR_NAMES)
SECONDS_MAX = 60.0

Harm = Callable[[Path], None]


# --- files that are no files


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_socket(path: Path) -> None:
    path.unlink()
    here = os.open(path.parent, os.O_RDONLY)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1 << 40)  # sparse: a terabyte that takes no room


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def unreadable(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


NO_FILES: tuple[Harm, ...] = (fifo, folder, a_socket, endless, huge, empty, cut_short, unreadable)


# --- contents that the registry vouches for


def vouched(path: Path, body: bytes) -> None:
    """Put a ranker's file in use and its SHA-256 in the registry, as one who can write both would."""
    known = json.loads((path.parent / REGISTRY).read_text())
    known["versions"][-1]["sha256"] = hashlib.sha256(body).hexdigest()
    (path.parent / REGISTRY).write_text(json.dumps(known))
    path.write_bytes(body)


def changed(**fields: Any) -> bytes:
    """Encode a ranker with some fields of other values, and the name that its content asks for."""
    plain = msgspec.to_builtins(make(), builtin_types=(bytes,))
    return msgspec.msgpack.encode({**plain, **fields})


def lists_of_lists() -> bytes:
    """Pickle a list of lists of the same list: 10 to the power of 40 values when they are walked."""
    inner: list[Any] = [0] * 10
    for _ in range(40):
        inner = [inner] * 10
    return pickle.dumps({"metrics": inner}, protocol=4)


def memo_of_gigabytes() -> bytes:
    return b"\x80\x04}r\xff\xff\xff\x7f."  # LONG_BINPUT: a memo slot far out is allocated up to it


CONTENTS: Mapping[str, Callable[[], bytes]] = {
    "pickle bomb of lists": lists_of_lists,
    "pickle of a far memo slot": memo_of_gigabytes,
    "pickle that calls": lambda: b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "pickle of endless operations": lambda: b"\x80\x04" + b"N0" * 1_000_000 + b"}.",
    "pickle of something else": lambda: pickle.dumps({"a": 1}, protocol=4),
    "msgpack nested without end": lambda: b"\x81\xa5extra" + b"\x91" * 100_000 + b"\xc0",
    "msgpack that promises 4 billion values": lambda: b"\xdf\xff\xff\xff\xff",
    "msgpack that promises 4 GB": lambda: b"\x81\xa7booster\xc6\xff\xff\xff\xff",
    "null booster": lambda: changed(booster=None),
    "null metrics": lambda: changed(metrics=None),
    "null metric": lambda: changed(metrics={**make().metrics, "auc": None}),
    "metrics that are missing": lambda: changed(metrics={}),
    "a metric that is not a number": lambda: changed(metrics={**make().metrics, "base_rate": float("nan")}),
    "an impossible base rate": lambda: changed(metrics={**make().metrics, "base_rate": 7.0}),
    "an infinite calibration": lambda: encode_artefact(
        renamed(
            msgspec.structs.replace(
                make(), calibration=msgspec.structs.replace(make().calibration, slope=float("inf"))
            )
        )
    ),
    "a horizon of no sessions": lambda: changed(settings={**make().settings, "horizon_sessions": 0}),
    "a horizon of billions": lambda: changed(settings={**make().settings, "horizon_sessions": 2**40}),
    "days that are none": lambda: changed(
        window={"first": "2023-99-99", "last": "2025-01-28", "labels_end": "2025-02-27"}
    ),
    "daily figures of unequal length": lambda: changed(
        daily={"sessions": ["2024-01-02"], "rank_ic": [0.1, 0.2], "brier": [0.1]}
    ),
    "a path as a name": lambda: changed(model_id="../../etc/passwd"),
    "other factors": lambda: changed(feature_names=["x"] * FEATURES),
    "a million metrics": lambda: changed(metrics={f"m{i}": 1.0 for i in range(1_000_000)}),
    "more bytes than allowed": lambda: changed(booster=b"x" * (BYTES_MAX + 1)),
}


@pytest.fixture
def ranker_folder(tmp_path: Path) -> Path:
    save(with_booster(sound_booster()), tmp_path, AT)
    return tmp_path


def refused_ranker(of: Path) -> str:
    """Read the folder as the daemon does; give the reason, which must name the file and what to do."""
    stored = StoredRanker(of, BoosterCheck())
    assert stored.artefact is None
    assert "Delete" in stored.fault
    return stored.fault


@pytest.mark.parametrize("harm", NO_FILES)
def test_a_rankers_file_that_is_none_is_refused_at_once(ranker_folder: Path, harm: Harm) -> None:
    harm(ranker_folder / FILE)
    assert FILE in refused_ranker(ranker_folder)


@pytest.mark.parametrize("harm", NO_FILES)
def test_a_rankers_registry_that_is_none_is_refused_at_once(ranker_folder: Path, harm: Harm) -> None:
    harm(ranker_folder / REGISTRY)
    assert REGISTRY.name in refused_ranker(ranker_folder)


@pytest.mark.parametrize("entry", ["null", "[]", '{"versions": null}', '{"versions": [null]}', "[" * 100_000])
def test_a_rankers_registry_of_nulls_is_refused(ranker_folder: Path, entry: str) -> None:
    (ranker_folder / REGISTRY).write_text(entry)
    assert REGISTRY.name in refused_ranker(ranker_folder)


@pytest.mark.parametrize("content", CONTENTS)
def test_a_rankers_content_is_refused_though_the_registry_vouches_for_it(
    ranker_folder: Path, content: str
) -> None:
    vouched(ranker_folder / FILE, CONTENTS[content]())
    assert FILE in refused_ranker(ranker_folder)


# --- boosters


def tree_change(column: str, place: int, value: int) -> Callable[[dict[str, Any]], None]:
    def change(forest: dict[str, Any]) -> None:
        forest["trees"][0][column][place] = value

    return change


def forest_change(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(forest: dict[str, Any]) -> None:
        forest[name] = value

    return change


BOOSTERS: Mapping[str, Callable[[dict[str, Any]], None]] = {
    "a child far out of range": tree_change("left_children", 0, 10**8),
    "a negative child": tree_change("right_children", 0, -7),
    "a cycle": tree_change("left_children", 1, 0),
    "a node with two parents": tree_change("left_children", 1, 2),
    "a factor far out of range": tree_change("split_indices", 0, 10**7),
    "groups that there are not": forest_change("tree_info", [10**6] * 3),
    "rounds beyond the trees": forest_change("iteration_indptr", [0, 10**6]),
    "no trees": forest_change("trees", []),
}


def crafted(change: Callable[[dict[str, Any]], None]) -> bytes:
    model = json.loads(bytes(load_booster(sound_booster()).save_raw("json")))
    change(model["learner"]["gradient_booster"]["model"])
    return json.dumps(model).encode()


def predict(booster: bytes) -> None:
    load_booster(booster).inplace_predict(np.zeros((8, FEATURES)), predict_type="margin")


def test_crafted_boosters_are_refused_and_a_sound_one_beside_them_is_not() -> None:
    bodies = [sound_booster(), *(crafted(change) for change in BOOSTERS.values()), b"none", sound_booster()]
    first, *faults, last = examine(bodies, booster_fault, SECONDS_MAX)
    assert first == last == ""
    assert all(faults)
    assert {"has a child out of range", "splits by a factor that there is not"} <= {
        fault.removeprefix("tree 0 ") for fault in faults
    }


def test_such_a_booster_would_have_ended_the_process_that_ranks_with_it() -> None:
    child = get_context("spawn").Process(
        target=predict, args=(crafted(BOOSTERS["a factor far out of range"]),), daemon=True
    )
    child.start()
    child.join(SECONDS_MAX)
    assert child.exitcode is not None
    assert child.exitcode < 0


def test_a_crafted_booster_of_a_vouched_file_is_named(ranker_folder: Path) -> None:
    body = encode_artefact(with_booster(crafted(BOOSTERS["a child far out of range"])))
    vouched(ranker_folder / FILE, body)
    assert "child out of range" in refused_ranker(ranker_folder)


def die_hang_or_pass(artefact: bytes) -> str:
    if artefact == b"die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if artefact == b"hang":
        time.sleep(3600)
    return ""


def test_one_that_ends_its_process_or_never_ends_is_at_fault_and_the_next_is_examined() -> None:
    died, hung, passed = examine([b"die", b"hang", b"pass"], die_hang_or_pass, 2.0)
    assert "exit code -11" in died
    assert "not loaded within 2 s" in hung
    assert passed == ""


def test_a_sound_booster_is_examined_once_across_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "cache" / "boosters.json"
    assert BoosterCheck(kept).faults([sound_booster()]) == ("",)
    monkeypatch.setattr("models.storage.examination.examine", lambda *_: pytest.fail("it was examined again"))
    assert BoosterCheck(kept).faults([sound_booster()] * 2) == ("", "")


@pytest.mark.parametrize("harm", NO_FILES)
def test_a_tampered_memory_of_sound_boosters_is_begun_anew(tmp_path: Path, harm: Harm) -> None:
    kept = tmp_path / "boosters.json"
    BoosterCheck(kept).trust(b"sound")
    harm(kept)
    assert BoosterCheck(kept)._examiner._found == {}


# --- the RL members


def nulls(card: dict[str, Any]) -> None:
    card["out_of_sample"] = dict.fromkeys(card["out_of_sample"])


def null_window(card: dict[str, Any]) -> None:
    card["window"] = None


def null_day(card: dict[str, Any]) -> None:
    card["window"]["labels_end"] = None


def no_day(card: dict[str, Any]) -> None:
    card["window"]["labels_end"] = "0000-00-00"


def null_skill(card: dict[str, Any]) -> None:
    card["skilled"] = None


def text_sharpe(card: dict[str, Any]) -> None:
    card["out_of_sample"]["sharpe"] = "high"


def huge_seed(card: dict[str, Any]) -> None:
    card["seed"] = 10**400


def many_tickers(card: dict[str, Any]) -> None:
    card["tickers"] = ["X"] * 20_000


def no_tickers(card: dict[str, Any]) -> None:
    card["tickers"] = []


def another_member(card: dict[str, Any]) -> None:
    card["member"] = "ddpg"


def an_extra(card: dict[str, Any]) -> None:
    card["extra"] = 1


CARDS = (
    nulls, null_window, null_day, no_day, null_skill, text_sharpe, huge_seed, many_tickers, no_tickers,
    another_member, an_extra,
)  # fmt: skip


def zipped(entries: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return body.getvalue()


def npz(**arrays: Any) -> bytes:
    body = io.BytesIO()
    np.savez(body, **arrays)
    return body.getvalue()


def with_header(shape: tuple[int, ...]) -> bytes:
    """Write an actor whose first layer's header promises another shape than follows."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(io.BytesIO(make_actor().dump())) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    return zipped({**entries, "weight_0.npy": header.getvalue() + b"\0" * 64})


def layers(*weights: Any, bias: float = 0.0, squashed: bool = True) -> bytes:
    named = {f"weight_{i}": np.asarray(w, dtype=np.float32) for i, w in enumerate(weights)}
    named |= {f"bias_{i}": np.full(np.shape(w)[1], bias, dtype=np.float32) for i, w in enumerate(weights)}
    return npz(**named, squashed=np.array(squashed))


GOOD_CARD = encode_card(make_card())
ACTORS: Mapping[str, Callable[[], bytes]] = {
    "a header that promises a terabyte": lambda: with_header((2**20, 2**18)),
    "a header of a negative shape": lambda: with_header((-1, 8)),
    "layers that do not fit": lambda: layers(np.zeros((16, 8)), np.zeros((9, 1))),
    "two positions": lambda: layers(np.zeros((16, 8)), np.zeros((8, 2))),
    "numbers that overflow": lambda: layers(*(np.full((64, 64), 3e38) for _ in range(3)), np.ones((64, 1))),
    "not a number": lambda: layers(np.full((16, 8), np.nan), np.zeros((8, 1))),
    "pickled objects": lambda: npz(weight_0=np.array([[{}]], dtype=object), bias_0=np.zeros(1), squashed=True),
    "a hundred layers": lambda: layers(*(np.zeros((4, 4)) for _ in range(100)), np.zeros((4, 1))),
    "no layers": lambda: npz(squashed=True),
    "no zip": lambda: b"PK\x03\x04 nothing",
}
ZIPS: Mapping[str, Callable[[], bytes]] = {
    "a zip bomb": lambda: zipped({ACTOR: b"\0" * 2**24, CARD: GOOD_CARD}, zipfile.ZIP_DEFLATED),
    "a card of gigabytes": lambda: zipped(
        {ACTOR: make_actor().dump(), CARD: b" " * 2**24 + GOOD_CARD}, zipfile.ZIP_DEFLATED
    ),
    "ten thousand entries": lambda: zipped({**{f"x{i}": b"" for i in range(10_000)}, CARD: GOOD_CARD}),
    "seventy entries": lambda: zipped(
        {**{f"x{i}": b"" for i in range(70)}, ACTOR: make_actor().dump(), CARD: GOOD_CARD}
    ),
    "no card": lambda: zipped({ACTOR: make_actor().dump()}),
    "no actor": lambda: zipped({CARD: GOOD_CARD}),
    "a card nested without end": lambda: zipped(
        {ACTOR: make_actor().dump(), CARD: b'{"settings":' + b"[" * 200_000}
    ),
    "a card of no text": lambda: zipped({ACTOR: make_actor().dump(), CARD: b"\xff\xfe\x00"}),
    "an entry whose checksum is wrong": lambda: zipped({ACTOR: make_actor().dump(), CARD: GOOD_CARD}).replace(
        b'"skilled":true', b'"skilled":null', 1
    ),
}


@pytest.fixture
def rl_folder(tmp_path: Path) -> Path:
    good = TrainedMember(model=zipped({"data": b"{}"}), actor=make_actor().dump(), card=make_card())
    rl_files.save([good], tmp_path, AT)
    return tmp_path


def refused_member(of: Path, body: bytes | None = None) -> str:
    """Read the folder as the daemon does, the registry vouching for the body; give the reason."""
    if body is not None:
        entry = {"sha256": hashlib.sha256(body).hexdigest(), "saved_at": AT.isoformat()}
        (of / rl_files.REGISTRY).write_text(json.dumps({"ppo": [entry]}))
        file_of(of, "ppo").write_bytes(body)
    provider = EnsembleProvider(of)
    assert provider.members == ()
    assert set(provider.faults) == {"ppo"}
    return provider.faults["ppo"]


@pytest.mark.parametrize("harm", NO_FILES)
def test_a_members_file_that_is_none_is_refused_at_once(rl_folder: Path, harm: Harm) -> None:
    harm(file_of(rl_folder, "ppo"))
    assert "ppo_model.zip" in refused_member(rl_folder)


@pytest.mark.parametrize("harm", NO_FILES)
def test_the_members_registry_that_is_none_is_refused_at_once(rl_folder: Path, harm: Harm) -> None:
    harm(rl_folder / rl_files.REGISTRY)
    assert rl_files.REGISTRY.name in refused_member(rl_folder)


@pytest.mark.parametrize("change", CARDS)
def test_a_members_card_that_cannot_be_is_refused(
    rl_folder: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    card = json.loads(GOOD_CARD)
    change(card)
    body = zipped({ACTOR: make_actor().dump(), CARD: json.dumps(card).encode()})
    assert "ppo_model.zip" in refused_member(rl_folder, body)


@pytest.mark.parametrize("actor", ACTORS)
def test_a_members_policy_that_cannot_be_is_refused(rl_folder: Path, actor: str) -> None:
    assert "ppo_model.zip" in refused_member(rl_folder, zipped({ACTOR: ACTORS[actor](), CARD: GOOD_CARD}))


@pytest.mark.parametrize("content", ZIPS)
def test_a_members_zip_that_cannot_be_is_refused(rl_folder: Path, content: str) -> None:
    assert "ppo_model.zip" in refused_member(rl_folder, ZIPS[content]())


def test_an_untouched_member_is_used(rl_folder: Path) -> None:
    assert [member.name for member in EnsembleProvider(rl_folder).members] == ["ppo"]


# --- FinBERT as it is served


@pytest.fixture
def finbert_folder(tmp_path: Path) -> Path:
    """A kept model whose manifest vouches for files that are none."""
    for file in (INT8, TOKENIZER):
        (tmp_path / file).write_bytes(b"nothing of the kind")
    none = hashlib.sha256(b"nothing of the kind").hexdigest()
    artefact = FinbertArtefact(
        source="x", source_digest=none, labels=("positive", "negative", "neutral"), served=INT8, sha256=none,
        tokenizer_sha256=none, tokens_max=128, difference=0.0, difference_max=0.1,
    )  # fmt: skip
    keep(artefact, tmp_path)
    assert read_finbert(tmp_path) == artefact
    return tmp_path


@pytest.mark.parametrize("harm", NO_FILES)
@pytest.mark.parametrize("file", [MANIFEST, INT8, TOKENIZER])
def test_a_kept_finberts_file_that_is_none_is_refused_at_once(
    finbert_folder: Path, file: str, harm: Harm
) -> None:
    harm(finbert_folder / file)
    with pytest.raises(ArtefactError, match=file):
        read_finbert(finbert_folder)


def test_a_kept_finbert_of_other_contents_is_at_fault_in_a_process_that_may_die(finbert_folder: Path) -> None:
    pytest.importorskip("onnxruntime")
    (fault,) = examine([os.fsencode(finbert_folder)], finbert_fault, SECONDS_MAX)
    assert fault
