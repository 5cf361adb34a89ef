"""Stored models: written whole, read without running anything, refused unless the registry wrote them."""

from __future__ import annotations

import json
import os
import pickle
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import ArtefactError
from models.factors.table import FACTOR_NAMES
from models.ranker import versions as version_files
from models.ranker.artefact import VERSION, QuantArtefact, model_name
from models.ranker.versions import FILE, REGISTRY, load_current, rollback, save, versions
from models.storage import plain_pickle
from models.storage.atomic_file import replace_atomically

AT = datetime(2025, 3, 1, 12, tzinfo=UTC)
CRATER = Path(tempfile.gettempdir()) / f"crater-{os.getpid()}"


def make(seed: int = 0) -> QuantArtefact:
    booster, calibration = bytes([seed]) * 100, {"slope": 0.5, "intercept": -1.0}
    return QuantArtefact(
        model_id=model_name(booster, calibration, "2025-02-27"),
        version=VERSION,
        feature_names=FACTOR_NAMES,
        booster=booster,
        calibration=calibration,
        window={"first": "2023-08-28", "last": "2025-01-28", "labels_end": "2025-02-27"},
        samples=100 + seed,
        metrics={"auc": 0.55},
        daily={"sessions": ["2024-01-02"], "rank_ic": [0.1], "brier": [0.18]},
        settings={"max_depth": 4},
        libraries={"xgboost": "3"},
    )


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(CRATER),))


def plant(folder: Path, body: bytes) -> None:
    """Put a file in use that the registry vouches for, as one who can write both would."""
    import hashlib

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
    assert len(list((tmp_path / "registry").glob("*.pkl"))) == 5
    assert rollback(tmp_path) == make(6)
    assert load_current(tmp_path) == make(6)
    assert rollback(tmp_path) == make(5)
    save(make(9), tmp_path, AT)
    assert load_current(tmp_path) == make(9)


def test_rolling_back_without_an_earlier_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="no earlier"):
        rollback(tmp_path)
    save(make(), tmp_path, AT)
    with pytest.raises(ArtefactError, match="no earlier"):
        rollback(tmp_path)


def test_rolling_back_to_a_changed_copy_is_refused(tmp_path: Path) -> None:
    save(make(0), tmp_path, AT)
    save(make(1), tmp_path, AT)
    for kept in (tmp_path / "registry").glob("*.pkl"):
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


def test_a_class_is_never_made_even_when_the_registry_vouches_for_it(tmp_path: Path) -> None:
    save(make(), tmp_path, AT)
    plant(tmp_path, pickle.dumps({**make().to_plain(), "metrics": Bomb()}))
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
            plain_pickle.load(pickle.dumps({"x": thing}, protocol=protocol))
    assert not CRATER.exists()


def test_a_file_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_pickle, "BYTES_MAX", 10)
    with pytest.raises(ArtefactError, match="more than the 10 allowed"):
        plain_pickle.load(b"x" * 11)


def test_only_plain_data_is_written() -> None:
    for thing in ((1, 2), {1: 2}, Path("x"), {"a": [Bomb()]}):
        with pytest.raises(TypeError):
            plain_pickle.dump({"x": thing})


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.dictionaries(st.text(max_size=5), plain, max_size=5))
def test_plain_data_round_trips(content: dict[str, object]) -> None:
    assert plain_pickle.load(plain_pickle.dump(content)) == content


@settings(max_examples=50, deadline=None)
@given(noise=st.binary(max_size=200), cut=st.integers(1, 400))
def test_noise_is_refused_by_name(noise: bytes, cut: int) -> None:
    whole = plain_pickle.dump(make().to_plain())
    for body in (noise, whole[:-cut], whole[:cut] + noise + whole[cut:]):
        try:
            content = plain_pickle.load(body)
        except ArtefactError:
            continue
        assert isinstance(content, dict)
