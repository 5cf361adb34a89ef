"""Training, ranking and promotion: seeded, blind to the future, honest about skill."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from config.trading import QuantSettings
from core.errors import ArtefactError, DataError
from core.types import Floats
from models.factors.store import FactorStore, FactorTable
from models.factors.table import FACTOR_NAMES
from models.ranker.artefact import DailyFigures, QuantArtefact, decode_artefact, encode_artefact
from models.ranker.promotion import promote
from models.ranker.ranker import Ranker
from models.ranker.samples import forward_returns
from models.ranker.training import train_ranker
from tests.default_universe import SECTOR_ETF_OF, STOCKS
from tests.panels import make_panel, with_future_changed

SYMBOLS = (*STOCKS[:20], "XLK", "SMH", "XLF", "XLV", "XLY", "SPY")
PANEL = make_panel(7, 460, SYMBOLS)
TABLE = FactorStore(SECTOR_ETF_OF).history(PANEL)
SETTINGS = QuantSettings(n_estimators=30, learning_rate=0.1)
LAST = 430


@pytest.fixture(scope="module")
def artefact() -> QuantArtefact:
    return train_ranker(PANEL, TABLE, SETTINGS, LAST)


def informed_table(strength: float) -> FactorTable:
    """Factors of which the second knows the future as well as `strength` says, the rest noise."""
    rng = np.random.default_rng(5)
    forward = np.nan_to_num(forward_returns(PANEL.close, SETTINGS.horizon_sessions))
    z = rng.normal(size=(*PANEL.close.shape, len(FACTOR_NAMES)))
    known = (forward - forward.mean(axis=1, keepdims=True)) / (forward.std(axis=1, keepdims=True) + 1e-12)
    z[:, :, 1] = strength * known + z[:, :, 1]
    z[:, 20:] = np.nan
    return FactorTable(raw=z, z=z, atr=PANEL.close)


def bytes_of(artefact: QuantArtefact) -> bytes:
    return encode_artefact(artefact)


def test_what_happens_after_the_window_changes_no_byte(artefact: QuantArtefact) -> None:
    future = with_future_changed(PANEL, LAST)
    assert not np.array_equal(future.close[LAST + 1 :], PANEL.close[LAST + 1 :])
    again = train_ranker(future, FactorStore(SECTOR_ETF_OF).history(future), SETTINGS, LAST)
    assert bytes_of(again) == bytes_of(artefact)
    cut = PANEL.prefix(LAST + 1)
    assert bytes_of(train_ranker(cut, FactorStore(SECTOR_ETF_OF).history(cut), SETTINGS, LAST)) == bytes_of(
        artefact
    )


def test_what_happens_inside_the_window_does_change_it(artefact: QuantArtefact) -> None:
    other = with_future_changed(PANEL, LAST - 60)
    assert bytes_of(train_ranker(other, FactorStore(SECTOR_ETF_OF).history(other), SETTINGS, LAST)) != bytes_of(
        artefact
    )


def test_fits_side_by_side_give_the_same_model_and_tell_how_far_they_are(artefact: QuantArtefact) -> None:
    told: list[float] = []
    with ThreadPoolExecutor(2) as pool:
        other = train_ranker(
            PANEL, TABLE, SETTINGS, LAST, executor=pool, on_progress=lambda share, _: told.append(share)
        )
    assert bytes_of(other) == bytes_of(artefact)
    assert told == [0.2, 0.4, 0.6, 0.8, 1.0]


def test_the_artefact_says_what_it_is(artefact: QuantArtefact) -> None:
    assert artefact.feature_names == FACTOR_NAMES
    assert artefact.window.last < artefact.labels_end < str(PANEL.sessions[LAST])
    assert artefact.model_id.startswith(f"quant-v8-{artefact.labels_end.replace('-', '')}-")
    assert artefact.samples > 4000
    assert artefact.metrics["predictions"] == artefact.samples
    assert artefact.settings["n_estimators"] == 30
    assert len(artefact.daily.sessions) == len(artefact.daily.rank_ic) == len(artefact.daily.brier)
    ranker = Ranker(artefact)
    assert ranker.may_rank(PANEL.sessions[LAST])
    assert not ranker.may_rank(np.datetime64(artefact.labels_end))


def test_a_factor_that_knows_is_found_and_its_probabilities_hold_later() -> None:
    table = informed_table(1.0)
    artefact = train_ranker(PANEL, table, SETTINGS, 380)
    assert artefact.metrics["auc"] > 0.7
    assert artefact.metrics["rank_ic_t"] > 3
    assert artefact.metrics["calibration_slope"] == pytest.approx(1.0, abs=0.2)
    ranker = Ranker(artefact)
    later = range(381, 430)
    p = np.array([ranker.rank(table.z[row]).p_outperform for row in later])[:, :20]
    forward = forward_returns(PANEL.close, 21)[list(later), :20]
    top = forward > np.quantile(forward, 0.75, axis=1, keepdims=True)
    likely = p > 0.4
    assert likely.sum() > 100
    assert top[likely].mean() == pytest.approx(p[likely].mean(), abs=0.1)
    assert top[~likely].mean() == pytest.approx(p[~likely].mean(), abs=0.1)


def test_noise_gives_the_base_rate_and_no_candidates() -> None:
    artefact = train_ranker(PANEL, informed_table(0.0), SETTINGS, 380)
    assert artefact.metrics["auc"] == pytest.approx(0.5, abs=0.05)
    p = Ranker(artefact).rank(informed_table(0.0).z[400]).p_outperform
    assert np.nanmax(np.abs(p - 0.25)) < 0.1


def test_a_ranking_is_xgboosts_own(artefact: QuantArtefact) -> None:
    import xgboost

    z = np.array(TABLE.z[LAST])
    said = Ranker(artefact).rank(z)
    assert np.isfinite(said.p_outperform[:20]).all()
    assert np.isnan(said.p_outperform[20:]).all()
    booster = xgboost.Booster(model_file=bytearray(artefact.booster))
    margin = booster.predict(xgboost.DMatrix(z[:20]), output_margin=True)
    np.testing.assert_array_equal(said.margin[:20], margin)
    want = artefact.calibration.probability(margin.astype(np.float64))
    np.testing.assert_array_equal(said.p_outperform[:20], want)
    contributions = Ranker(artefact).contributions(z[:20])
    rest = said.margin[:20] - contributions.sum(axis=1)
    np.testing.assert_allclose(rest, rest[0], atol=1e-5)
    assert np.abs(contributions).max() > 0.05


def test_what_explains_a_stock_does_not_depend_on_what_else_was_asked(artefact: QuantArtefact) -> None:
    z, ranker = np.array(TABLE.z[LAST][:20]), Ranker(artefact, explanations_max=256)
    alone = np.concatenate([Ranker(artefact).contributions(row[None]) for row in z])
    first = ranker.contributions(z[3:6])
    np.testing.assert_array_equal(first, alone[3:6])
    np.testing.assert_array_equal(ranker.contributions(z[[5, 0, 5, 19]]), alone[[5, 0, 5, 19]])
    many = [np.array(TABLE.z[LAST - day][:20]) for day in range(1, 15)]
    assert sum(len(rows) for rows in many) > 256
    for rows in many:
        ranker.contributions(rows)
    np.testing.assert_array_equal(ranker.contributions(z), alone)
    assert ranker.contributions(z[:0]).shape == (0, 13)


def test_a_stock_that_misses_too_many_factors_is_left_out(artefact: QuantArtefact) -> None:
    z: Floats = np.array(TABLE.z[LAST])
    z[0, :3], z[1, :4] = np.nan, np.nan
    said = Ranker(artefact).rank(z)
    assert np.isfinite(said.p_outperform[0])
    assert np.isnan(said.p_outperform[1])
    assert np.isnan(Ranker(artefact).rank(np.full((3, 13), np.nan)).p_outperform).all()


def test_too_little_history_is_refused() -> None:
    with pytest.raises(DataError, match="sessions with known labels"):
        train_ranker(PANEL, TABLE, SETTINGS, 100)


def test_plain_data_round_trips_and_a_changed_content_is_refused(artefact: QuantArtefact) -> None:
    assert decode_artefact(encode_artefact(artefact)) == artefact
    plain = msgspec.to_builtins(artefact, builtin_types=(bytes,))
    for changed in (
        {**plain, "calibration": {"slope": 9.0, "intercept": 0.0}},
        {**plain, "booster": plain["booster"] + b" "},
        {**plain, "feature_names": ["other"] * 13},
        {**plain, "samples": "many"},
        {**plain, "extra": 1},
        {name: value for name, value in plain.items() if name != "window"},
    ):
        with pytest.raises(ArtefactError, match="retrain"):
            decode_artefact(msgspec.msgpack.encode(changed))


def test_a_booster_that_is_none_is_refused(artefact: QuantArtefact) -> None:
    with pytest.raises(ArtefactError, match="cannot read"):
        Ranker(replace(artefact, booster=b"nothing of the kind")).rank(TABLE.z[LAST])


def shifted(artefact: QuantArtefact, rank_ic: float = 0.0, brier: float = 0.0) -> QuantArtefact:
    daily = artefact.daily
    return replace(
        artefact,
        daily=DailyFigures(
            sessions=daily.sessions,
            rank_ic=[value + rank_ic for value in daily.rank_ic],
            brier=[value + brier for value in daily.brier],
        ),
    )


def test_only_a_model_that_is_not_worse_is_promoted(artefact: QuantArtefact) -> None:
    assert promote(artefact, None) == (True, "there was no model")
    assert promote(artefact, artefact)[0]
    assert promote(shifted(artefact, rank_ic=0.1, brier=-0.01), artefact)[0]
    promoted, why = promote(shifted(artefact, rank_ic=-0.1), artefact)
    assert not promoted
    assert "ranks worse" in why
    promoted, why = promote(shifted(artefact, brier=0.02), artefact)
    assert not promoted
    assert "probabilities are worse" in why


def test_models_that_cannot_be_compared_are_replaced(artefact: QuantArtefact) -> None:
    other = replace(artefact, settings={**artefact.settings, "max_depth": 2})
    assert promote(shifted(artefact, rank_ic=-0.5), other)[0]
    old = replace(artefact, daily=DailyFigures(sessions=["2010-01-04"], rank_ic=[0.9], brier=[0.0]))
    promoted, why = promote(artefact, old)
    assert promoted
    assert "too few to compare" in why
