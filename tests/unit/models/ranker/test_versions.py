"""Stored models: written whole, read without running anything, refused unless the registry wrote them."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ArtefactError
from models.ranker import versions as version_files
from models.ranker.artefact import QuantArtefact, decode_artefact, encode_artefact
from models.ranker.versions import FILE, REGISTRY, load_current, rewrite_old_files, rollback, save, versions
from models.storage import old_pickle
from models.storage.atomic_file import replace_atomically
from tests.rankers import make

AT = datetime(2025, 3, 1, 12, tzinfo=UTC)
CRATER = Path(tempfile.gettempdir()) / f"crater-{os.getpid()}"


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(CRATER),))


def plant(folder: Path, body: bytes) -> None:
    """Put a file in use that the registry vouches for, as one who can write both would."""
    known = json.loads((folder / REGISTRY).read_text())
    known["versions"][-1]["sha256"] = hashlib.sha256(body).hexdigest()
    (folder / REGISTRY).write_text(json.dumps(known))
    (folder / FILE).write_bytes(body)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    assert load_current(tmp_path) is None
    version = save(make(), tmp_path, AT)
    assert load_current(tmp_path) == make()
    assert versions(tmp_path) == (version,)
    assert version.samples == 100
    assert not list(tmp_path.rglob("*.tmp"))


def test_deleting_the_file_means_no_model(tmp_path: Path) -> None:
    save(make(), tmp_path, AT)
    (tmp_path / FILE).unlink()
    assert load_current(tmp_path) is None
    assert save(make(1), tmp_path, AT).model_id == make(1).model_id
    assert load_current(tmp_path) == make(1)


def test_versions_are_kept_and_rolled_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version_files, "VERSIONS_KEPT", 5)
    for seed in range(8):
        save(make(seed), tmp_path, AT)
    assert [v.samples for v in versions(tmp_path)] == [103, 104, 105, 106, 107]
    assert len(list((tmp_path / "registry").glob("*.msgpack"))) == 5
    assert rollback(tmp_path) == make(6)
    assert load_current(tmp_path) == make(6)
    assert rollback(tmp_path) == make(5)
    save(make(9), tmp_path, AT)
    assert load_current(tmp_path) == make(9)


def test_a_kept_version_is_put_back_in_use_by_its_name(tmp_path: Path) -> None:
    first, *others = (make(seed) for seed in range(3))
    for one in (first, *others):
        save(one, tmp_path, AT)
    assert rollback(tmp_path, first.model_id) == first == load_current(tmp_path)
    with pytest.raises(ArtefactError, match="No ranker quant-v8-9 is kept"):
        rollback(tmp_path, "quant-v8-9")
    assert load_current(tmp_path) == first


def test_rolling_back_without_an_earlier_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="no earlier"):
        rollback(tmp_path)
    save(make(), tmp_path, AT)
    with pytest.raises(ArtefactError, match="no earlier"):
        rollback(tmp_path)


def test_rolling_back_to_a_changed_copy_is_refused(tmp_path: Path) -> None:
    save(make(0), tmp_path, AT)
    save(make(1), tmp_path, AT)
    for kept in (tmp_path / "registry").glob("*.msgpack"):
        kept.write_bytes(b"changed")
    with pytest.raises(ArtefactError, match="not in the registry"):
        rollback(tmp_path)
    assert load_current(tmp_path) == make(1)


def test_a_tampered_truncated_or_foreign_file_is_refused(tmp_path: Path) -> None:
    save(make(), tmp_path, AT)
    body = (tmp_path / FILE).read_bytes()
    middle = len(body) // 2
    flipped = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
    for wrong in (flipped, body[:-3], b"", b"foreign", pickle.dumps(Bomb())):
        (tmp_path / FILE).write_bytes(wrong)
        with pytest.raises(ArtefactError, match=r"not in the registry.*Delete the file and POST /quant/retrain"):
            load_current(tmp_path)
    assert not CRATER.exists()


def test_a_file_without_its_registry_is_foreign(tmp_path: Path) -> None:
    save(make(), tmp_path, AT)
    (tmp_path / REGISTRY).unlink()
    with pytest.raises(ArtefactError, match="not in the registry"):
        load_current(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"versions": 3}', '{"versions": [{"model_id": "../../x"}]}'])
def test_a_broken_registry_is_named_and_a_new_model_begins_it_anew(tmp_path: Path, text: str) -> None:
    save(make(), tmp_path, AT)
    (tmp_path / REGISTRY).write_text(text)
    with pytest.raises(ArtefactError, match=r"registry.*cannot be read"):
        load_current(tmp_path)
    save(make(1), tmp_path, AT)
    assert load_current(tmp_path) == make(1)


def test_a_stop_between_the_writes_leaves_a_model_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(make(0), tmp_path, AT)
    written = replace_atomically
    for allowed in (0, 1, 2):
        done = iter(range(allowed))

        def stopping(path: Path, body: bytes, done: Iterator[int] = done) -> None:
            if next(done, None) is None:
                raise OSError("the power is gone")
            written(path, body)

        monkeypatch.setattr(version_files, "replace_atomically", stopping)
        with pytest.raises(OSError, match="power"):
            save(make(5), tmp_path, AT)
        monkeypatch.setattr(version_files, "replace_atomically", written)
        assert load_current(tmp_path) == make(0)


def as_old_pickle(artefact: QuantArtefact) -> bytes:
    """Write an artefact as engines up to 0.1 did."""
    plain = msgspec.to_builtins(artefact, builtin_types=(bytes,))
    return pickle.dumps({**plain, "feature_names": list(artefact.feature_names)}, protocol=4)


def save_as_old(folder: Path, *seeds: int) -> None:
    """Lay out a folder as an engine up to 0.1 left it; the last model is in use."""
    known = []
    for seed in seeds:
        artefact = make(seed)
        body = as_old_pickle(artefact)
        sha256 = hashlib.sha256(body).hexdigest()
        (folder / "registry").mkdir(exist_ok=True)
        (folder / "registry" / f"{artefact.model_id}-{sha256[:8]}.pkl").write_bytes(body)
        known.append(
            {
                "model_id": artefact.model_id, "sha256": sha256, "saved_at": AT.isoformat(),
                "labels_end": artefact.labels_end, "samples": artefact.samples,
            }
        )  # fmt: skip
        (folder / FILE).write_bytes(body)
    (folder / REGISTRY).write_text(json.dumps({"versions": known}, indent=2))


def test_an_old_pickle_is_read_and_rewritten_once(tmp_path: Path) -> None:
    save_as_old(tmp_path, 0, 1, 2)
    assert load_current(tmp_path) == make(2)
    assert rewrite_old_files(tmp_path) == tuple(make(seed).model_id for seed in range(3))
    assert (tmp_path / FILE).read_bytes() == encode_artefact(make(2))
    assert not list((tmp_path / "registry").glob("*.pkl"))
    assert load_current(tmp_path) == make(2)
    assert [version.saved_at for version in versions(tmp_path)] == [AT.isoformat()] * 3
    assert rollback(tmp_path) == make(1)
    assert rewrite_old_files(tmp_path) == ()


def test_a_stop_while_old_files_are_rewritten_leaves_every_model_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = replace_atomically
    for allowed in range(5):
        folder = tmp_path / str(allowed)
        folder.mkdir()
        save_as_old(folder, 0, 1)
        done = iter(range(allowed))

        def stopping(path: Path, body: bytes, done: Iterator[int] = done) -> None:
            if next(done, None) is None:
                raise OSError("the power is gone")
            written(path, body)

        monkeypatch.setattr(version_files, "replace_atomically", stopping)
        with pytest.raises(OSError, match="power"):
            rewrite_old_files(folder)
        monkeypatch.setattr(version_files, "replace_atomically", written)
        assert load_current(folder) == make(1)
        rewrite_old_files(folder)
        assert load_current(folder) == make(1)
        assert rollback(folder) == make(0)


def test_a_changed_old_copy_stays_and_is_refused_by_name(tmp_path: Path) -> None:
    save_as_old(tmp_path, 0, 1)
    (changed,) = (tmp_path / "registry").glob(f"{make(0).model_id}*.pkl")
    changed.write_bytes(changed.read_bytes() + b" ")
    assert rewrite_old_files(tmp_path) == (make(1).model_id,)
    assert load_current(tmp_path) == make(1)
    with pytest.raises(ArtefactError, match=changed.name):
        rollback(tmp_path)


def test_a_class_is_never_made_even_when_the_registry_vouches_for_it(tmp_path: Path) -> None:
    save(make(), tmp_path, AT)
    plain = msgspec.to_builtins(make(), builtin_types=(bytes,))
    plant(tmp_path, pickle.dumps({**plain, "metrics": Bomb()}, protocol=4))
    with pytest.raises(ArtefactError, match="only plain data"):
        load_current(tmp_path)
    assert not CRATER.exists()
    pickle.loads(pickle.dumps(Bomb()))  # noqa: S301  shows that the bomb is one
    assert CRATER.exists()
    CRATER.rmdir()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_no_protocol_smuggles_a_class(protocol: int) -> None:
    for thing in (Bomb(), make(), datetime(2025, 1, 1, tzinfo=UTC), {1, 2}, complex(1, 2), len):
        with pytest.raises(ArtefactError, match="plain data"):
            old_pickle.load(pickle.dumps({"x": thing}, protocol=protocol), "")
    assert not CRATER.exists()


@settings(max_examples=50, deadline=None)
@given(noise=st.binary(max_size=200), cut=st.integers(1, 400))
def test_noise_is_refused_by_name(noise: bytes, cut: int) -> None:
    for whole in (encode_artefact(make()), as_old_pickle(make())):
        for body in (noise, whole[:-cut], whole[:cut] + noise + whole[cut:]):
            try:
                assert decode_artefact(body) == make()
            except ArtefactError as error:
                assert "retrain" in error.hint  # either it is whole, or it is refused
