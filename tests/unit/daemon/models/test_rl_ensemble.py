"""The training desk: what is refused before a process starts, what is laid out in it, how progress is told."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from msgspec.structs import replace

from config.trading import RegimeSettings, RlSettings
from core.errors import DataError, RequestError
from daemon.models.rl_ensemble import check_history, member_card, sessions_needed
from models.rl.child import TimeLeft, TrainingSpec, card_of, lay_out
from models.rl.tasks import Trained, TrainingTask
from models.rl.windows import cut
from tests.default_universe import SECTOR_ETF_OF
from tests.panels import make_panel
from tests.rl_markets import make_actor, make_market

SETTINGS = RlSettings(validation_sessions=100, episode_sessions=20)
REGIME = RegimeSettings(restarts=1)
PANEL = make_panel(4, 620, missing={"COIN": [(0, 480)]})


def a_lesson(*tickers: str, explicit: bool) -> TrainingSpec:
    return TrainingSpec(tickers=tickers, members=("ppo",), explicit=explicit)


def trained(seed: int, sharpe: float, chance_p: float) -> Trained:
    return Trained(
        member="ppo", seed=seed, model=b"", actor=make_actor().dump(), weights_digest=f"{seed:064x}", steps=1_000,
        stopping_sharpe=sharpe, judged={"sharpe": sharpe, "return": 0.1, "exposure": 0.5, "chance_p": chance_p},
    )  # fmt: skip


def test_tickers_without_enough_history_are_refused_by_name() -> None:
    need = sessions_needed(SETTINGS)
    assert need == 420
    check_history(PANEL, ["AAPL", "KO"], SETTINGS)
    with pytest.raises(RequestError, match=r"COIN \(140\), NOBODY \(0\); 420 are needed") as refused:
        check_history(PANEL, ["AAPL", "COIN", "NOBODY"], SETTINGS)
    assert refused.value.status == 422


def test_a_ticker_without_factors_is_left_out_unless_it_was_named() -> None:
    windows = lay_out(PANEL, SECTOR_ETF_OF, REGIME, SETTINGS, a_lesson("KO", "COIN", "AAPL", explicit=False))
    assert windows.fitted.tickers == windows.judged.tickers == ("KO", "AAPL")
    assert windows.judged.priced.all()
    assert windows.dates["labels_end"] == str(PANEL.sessions[-2])
    with pytest.raises(DataError, match="COIN: too little history"):
        lay_out(PANEL, SECTOR_ETF_OF, REGIME, SETTINGS, a_lesson("KO", "COIN", explicit=True))


def test_too_short_a_panel_is_said() -> None:
    with pytest.raises(DataError, match="are left to learn from"):
        lay_out(PANEL.prefix(430), SECTOR_ETF_OF, REGIME, SETTINGS, a_lesson("KO", explicit=False))


def test_the_card_says_what_it_is_worth_and_who_votes() -> None:
    pytest.importorskip("torch", reason="the RL ensemble is in the extra `rl`")
    windows = cut(make_market(sessions=400), SETTINGS)
    both = [trained(7, 1.0, 0.2), trained(8, 2.0, 0.01)]
    card = card_of(both[1], both, windows, SETTINGS)
    assert card.skilled
    assert card.model_id.startswith("rl-ppo-")
    measured = card.out_of_sample
    assert measured.sharpe_by_seed == {"7": 1.0, "8": 2.0}
    assert measured.sharpe_mean == 1.5
    assert measured.sharpe_spread == 0.5
    assert np.isfinite([measured.buy_and_hold_sharpe, measured.equal_weight_sharpe]).all()
    from models.rl.artefacts import StoredMember

    for skilled, required, votes in ((True, True, True), (False, True, False), (False, False, True)):
        member = StoredMember(actor=make_actor(), card=replace(card, skilled=skilled))
        rl = SETTINGS.model_copy(update={"require_skill": required})
        told = member_card(member, rl, datetime(2030, 1, 1, tzinfo=UTC))
        assert told["votes"] is votes
        assert told["age_days"] > 365
        assert ("not better than chance" in told["worth"]) is not skilled


def test_progress_tells_the_time_left() -> None:
    market = make_market()
    tasks = [
        TrainingTask(
            member=member, seed=1, timesteps=1_000, settings=SETTINGS,
            fitted=market, stopping=market, judged=market,
        )
        for member in ("ddpg", "a2c")
    ]  # fmt: skip
    seconds = iter([100.0, 112.0, 113.0, 113.0])
    told: list[tuple[float, str]] = []
    progress = TimeLeft(tasks, lambda fraction, message: told.append((fraction, message)), lambda: next(seconds))
    progress(0, 0.5)
    assert told[-1][1] == "ddpg (seed 1) 50%, about 14 s left"
    progress(0, 1.0)
    progress(1, 1.0)
    assert told[-1] == (1.0, "a2c (seed 1) 100%, about 0 s left")
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
