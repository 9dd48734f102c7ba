"""Who was exposed to which arm, and what the log says of them, counted from their own first exposure."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from millrace.decision import Decision
from millrace.errors import NotFound
from millrace.experiments.reads import Read, on_log
from millrace.experiments.reasons import Reason, Refused
from millrace.operate.exposures import Exposures, decided, experiment_of, exposures
from millrace.operate.history import LogHistory
from millrace.operate.unit_columns import Units, old_enough
from millrace.serve.home import Home
from millrace.types import DAY, EVER, HOUR, MINUTE, SECOND, moment
from tests.operate.stand import MODULE, START, Open, Stand, stand


def read(of: Stand, since: int = EVER, until: int = START + 90 * DAY, name: str = "") -> tuple[Exposures, Any]:
    """Return the exposures, and what reads a column of them."""
    _, history = of.opened()
    _, experiment = experiment_of(of.loaded, name)
    found = exposures(of.loaded, history, experiment, since, until)

    def column(one: Read) -> dict[str, float]:
        got = Units(of.loaded, history, experiment, found.units, until).columns([one])[one.column]
        return dict(zip(found.units["unit"].tolist(), got.tolist(), strict=True))

    return found, column


def opened(of: Stand) -> Open:
    now = Open(of)
    now.stock()
    now.time.now += HOUR
    return now


def test_unit_is_exposed_once_at_its_first_decision_by_the_arm_it_met(tmp_path: Path) -> None:
    of = stand(tmp_path)
    now = opened(of)
    made = []
    for n in range(30):
        now.time.now += MINUTE
        made.append(now.visit(f"g{n % 10}", f"v{n}"))
    now.close()
    found, _ = read(of)
    assert found.units["unit"].tolist() == [f"g{n}" for n in range(10)]
    assert found.units["id"].tolist() == [f"v{n}" for n in range(10)]
    assert found.units["arm"].tolist() == [one.arm for one in made[:10]]
    assert found.units["first"].tolist() == [one.at for one in made[:10]]
    assert set(found.units["share"].tolist()) == {0.5}
    later, _ = read(of, since=made[15].at)
    assert later.units["id"].tolist() == [f"v{n + 10 if n >= 5 else n + 20}" for n in range(10)]


def test_unit_that_met_two_arms_is_found(tmp_path: Path) -> None:
    of = stand(tmp_path)
    now = opened(of)
    for n in range(8):
        now.visit(f"g{n}", f"v{n}")
    now.close()
    moved = MODULE.replace("scorecard=card)", "shares=(0.01, 0.99), scorecard=card)")
    again = Open(other := stand(tmp_path, moved), START + 2 * HOUR)
    for n in range(8):
        again.visit(f"g{n}", f"w{n}")
    again.close()
    with pytest.raises(Refused, match="units were seen by more than one arm") as refused:
        read(other)
    assert refused.value.reason == Reason.TWO_ARMS


def test_who_was_put_into_an_arm_or_is_in_none_is_left_out(tmp_path: Path) -> None:
    settings = 'ramp=0.5, holdout=0.2, overrides={"coffee": ["g0", "g1"]}, scorecard=card)'
    of = stand(tmp_path, MODULE.replace("scorecard=card)", settings))
    now = opened(of)
    arms = {f"g{n}": now.visit(f"g{n}", f"v{n}").arm for n in range(60)}
    now.close()
    assert {arms["g0"], arms["g1"]} == {"override/coffee"}
    assert {"outside", "holdout"} <= set(arms.values())
    found, _ = read(of)
    assert found.units["unit"].tolist() == sorted(guest for guest, arm in arms.items() if arm in ("tea", "coffee"))


def test_arm_is_found_wherever_the_experiment_stands_and_beside_a_rollout(tmp_path: Path) -> None:
    module = MODULE.replace(
        "stand = System(Visit, candidate=Drink, policy=served)",
        'milk = Pipeline(drinks, Top(1))\ninner = Fallback(served, to=milk, after="1s")\n'
        'outer = Experiment({"in": inner, "out": milk}, unit=Visit.guest)\n'
        "stand = System(Visit, candidate=Drink, policy=outer)",
    ).replace("Experiment, Fresh", "Experiment, Fallback, Fresh")
    of = stand(tmp_path, module)
    now = opened(of)
    arms = {f"g{n}": now.visit(f"g{n}", f"v{n}").arm for n in range(40)}
    now.close()
    found, _ = read(of, name="served")
    expected = {guest: arm.removeprefix("in/") for guest, arm in arms.items() if arm.startswith("in/")}
    assert dict(zip(found.units["unit"], found.units["arm"], strict=True)) == expected
    whole, _ = read(of, name="outer")
    assert len(whole.units["unit"]) == 40
    with pytest.raises(NotFound, match="2 experiments: name one of"):
        experiment_of(of.loaded)


def test_arm_recorded_beside_a_rollout_is_the_experiment_s(tmp_path: Path) -> None:
    of = stand(tmp_path)
    home = Home(of.folder, of.loaded)
    kinds: Any = of.loaded.streams
    for n, arm in enumerate(["champion/tea", "canary/coffee", "shadowed/tea", "canary"]):
        at = START + n * MINUTE
        made = Decision(id=f"v{n}", at=at, system="stand", watermark=at, arm=arm, policy="tea")
        home.log.append([kinds["Visit"](id=f"v{n}", at=moment(at), guest=f"g{n}"), made], known=at + 10)
    home.close()
    found, _ = read(of)
    assert found.units["arm"].tolist() == ["tea", "coffee", "tea"]


def spent(of: Stand, *pays: tuple[int, float], seen: int = 3 * DAY) -> Any:
    """Let one guest come after ten days and pay at times counted from then; return what reads columns."""
    now = opened(of)
    begun = START + 10 * DAY
    did_come = False
    for after, amount in sorted(pays):
        if after >= 0 and not did_come:
            now.time.now, did_come = begun, True
            now.visit("g", "v")
        now.time.now = max(begun + after, now.time.now)
        now.pay("g", amount)
    now.close()
    return read(of, until=begun + seen)[1]


def test_events_count_from_the_first_exposure_on_and_covariates_before_it(tmp_path: Path) -> None:
    of = stand(tmp_path)
    pay: Any = of.loaded.streams["Pay"]
    column = spent(of, (-8 * DAY, 1.0), (-6 * DAY, 2.0), (-HOUR, 4.0), (HOUR, 8.0), (23 * HOUR, 16.0), (2 * DAY, 32.0), (4 * DAY, 64.0))
    assert column(Read(pay.amount, "events", 0, DAY)) == {"g": 24.0}
    assert column(Read(pay, "events", 0, DAY)) == {"g": 2.0}
    assert column(Read(pay.amount, "events", 2 * HOUR, None)) == {"g": 48.0}, "what was not known yet at the read-out is not counted"
    assert column(Read(pay.amount, "events", -7 * DAY, 0)) == {"g": 6.0}
    assert column(Read(pay.amount, "events", None, 0)) == {"g": 7.0}
    assert column(Read(pay.amount > 10, "events", 0, DAY)) == {"g": 1.0}


def test_feature_is_read_as_known_at_the_first_exposure(tmp_path: Path) -> None:
    of = stand(tmp_path, MODULE.replace("covariates=(Pay.amount,)", "covariates=(Pay.amount, paid_before)"))
    [feature] = [one for one in on_log(experiment_of(of.loaded)[1].scorecard)[1] if one.kind == "feature"]
    assert spent(of, (-8 * DAY, 1.0), (-6 * DAY, 2.0), (-HOUR, 4.0), (HOUR, 8.0))(feature) == {"g": 2.0}


def test_units_are_read_once_all_that_is_read_of_them_can_change_no_more() -> None:
    units = {"unit": np.array(["a", "b"], dtype=object), "first": np.array([START, START + HOUR])}
    reads = [Read(int, "events", 0, DAY), Read(int, "events", -DAY, 0), Read(int, "feature")]
    assert [old_enough(units, reads, START + DAY + more)["unit"].tolist() for more in (0, 1, HOUR, HOUR + 1)] == [
        [],
        ["a"],
        ["a"],
        ["a", "b"],
    ]
    assert len(old_enough(units, [Read(int, "events", 0, None)], START + 2 * HOUR)["unit"]) == 2


def test_outcomes_are_summed_over_the_decisions_of_a_unit(tmp_path: Path) -> None:
    of = stand(tmp_path)
    now = opened(of)
    for n in range(6):
        now.time.now += HOUR
        made = now.visit(f"g{n % 2}", f"v{n}")
        if n in (0, 2, 3):
            now.engine.ingest([now.kinds["Sip"](at=moment(now.time.now + MINUTE), visit=made.id, drink=made.candidate[0])])
    now.close()
    reads = {one.column: one for one in on_log(experiment_of(of.loaded)[1].scorecard)[1]}
    _, column = read(of)
    assert column(next(one for one in reads.values() if one.kind == "outcome")) == {"g0": 2.0, "g1": 1.0}
    assert column(next(one for name, one in reads.items() if name == "Visit within 1d")) == {"g0": 3.0, "g1": 3.0}
    assert column(next(one for name, one in reads.items() if name.startswith("Visit from"))) == {"g0": 2.0, "g1": 2.0}


def read_anew(of: Stand, home: Home, since: int, until: int) -> list[tuple[Any, ...]]:
    """Return what was asked from then on and known until then, straight from the log; without requests that are not known by then."""
    visits = home.log.read(of.loaded.streams["Visit"], known_until=until)
    asked = dict(zip(visits["id"].tolist(), visits["guest"].tolist(), strict=True))
    made = [one for _, one in home.log.decisions(system="stand", known_from=since, known_until=until) if one.at >= since]
    return [
        (one.id, one.at, one.watermark, one.arm, one.arm_share, asked[one.id])
        for one in sorted(made, key=lambda one: one.at)
        if one.id in asked
    ]


@given(
    told=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.sampled_from(["", "v0"])), max_size=12),
    spans=st.lists(st.tuples(st.integers(-1, 21), st.integers(-1, 21)), min_size=1, max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_what_was_decided_is_read_once_and_cut_as_if_it_were_read_anew(
    told: list[tuple[int, int, int, str]], spans: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Decisions known late, requests known later still, answers repeated; asked for spans in any order, while the log grows."""
    of = stand(tmp_path_factory.mktemp("told"))
    home = Home(of.folder, of.loaded)
    visit, experiment = of.loaded.streams["Visit"], experiment_of(of.loaded)[1]
    records = []
    for n, (at, late, later, repeats) in enumerate(told):
        asked = START + at * SECOND
        made = Decision(id=f"v{n}", at=asked, system="stand", watermark=asked, arm="tea", arm_share=0.5, policy="tea")
        records.append((asked + late * SECOND, structs.replace(made, repeats=repeats if n else "")))
        records.append((asked + (late + later) * SECOND, visit(id=f"v{n}", at=moment(asked), guest=f"g{n % 3}")))
    records = sorted(records, key=lambda pair: pair[0])
    whole = [(known + place, one) for place, (known, one) in enumerate(records)]  # no two become known at once
    history = LogHistory(home.log, of.loaded)
    for place, (begin, end) in enumerate(spans):
        for known, one in whole[place * len(whole) // len(spans) : (place + 1) * len(whole) // len(spans)]:
            home.log.append([one], known=known)
        since, until = EVER if begin < 0 else START + begin * SECOND, START + end * SECOND
        found = decided(of.loaded, history, experiment, since, until)
        columns = (found[name].tolist() for name in ("id", "at", "watermark", "arm", "share", "unit"))
        assert list(zip(*columns, strict=True)) == read_anew(of, home, since, until)
    home.close()


def test_history_of_nobody_is_empty(tmp_path: Path) -> None:
    of = stand(tmp_path)
    opened(of).close()
    found, _ = read(of)
    assert (len(found.units["unit"]), found.mixed) == (0, 0)


def test_system_without_an_experiment_has_nothing_to_read(tmp_path: Path) -> None:
    of = stand(tmp_path, MODULE.replace("policy=served)", "policy=tea)"))
    with pytest.raises(NotFound, match="declares no Experiment"):
        experiment_of(of.loaded)
