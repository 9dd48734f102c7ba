"""A model learns from what was served: in a life, in the lineage of its versions, and in the types of its columns."""

from pathlib import Path

import numpy as np

from millrace.decision import Decision
from millrace.operate.history import LogHistory
from millrace.training.examples import gather
from millrace.training.logged import back_filled
from millrace.types import EVER, Columns, take
from tests.operate.stall import living, stall
from tests.training.diary import diary, kiosk, read, write
from tests.training.kiosk import Visit


def material(life, history=None):
    loaded = life.engine.loaded
    [model] = loaded.models.values()
    return gather(model, loaded.system.request, loaded.system.candidate, history or life.operator.history, EVER, life.time.now)


def test_served_values_are_the_back_filled_ones_in_value_and_in_kind(tmp_path: Path) -> None:
    """On a log in which parity holds it makes no difference which of the two is learned from."""
    with living(tmp_path, stall()) as life:
        life.until(4)
        found, loaded = material(life), life.engine.loaded
        again = back_filled(loaded.plan, found.model.features, found.rows, life.operator.history).values
        for column, logged in found.logged.items():
            assert logged.mean() > 0.1, column
            kinds = {found.features[column].dtype.kind, again[column].dtype.kind}
            assert kinds <= {"i", "f"} or len(kinds) == 1, column
            np.testing.assert_array_equal(found.features[column], again[column])


def test_a_planted_difference_shows_that_the_served_value_is_learned_from(tmp_path: Path) -> None:
    with living(tmp_path, stall()) as life:
        life.until(4)
        column = next(iter(material(life).logged))

        class Planted(LogHistory):
            def decided(self, since: int, until: int) -> Columns:
                rows = super().decided(since, until)
                return {**rows, f"served {column}": np.where(rows[f"logged {column}"], 999.0, np.nan)}

        found = material(life, Planted(life.engine.home.log, life.engine.loaded))
        logged = found.logged[column]
        assert set(found.features[column][logged].tolist()) == {999.0}
        assert 999.0 not in found.features[column][~logged]


def test_lineage_counts_what_was_served_and_what_was_back_filled(tmp_path: Path) -> None:
    with living(tmp_path, stall()) as life:
        life.until(6)
        releases = life.engine.home.releases.of(life.engine.loaded.name)
        first, latest = (life.engine.home.registry.get(next(iter(one.versions.values()))).lineage for one in (releases[0], releases[-1]))
        assert sum(first.back_filled.values()) > 0
        assert sum(latest.logged.values()) > sum(first.logged.values())
        assert set(latest.logged) == set(latest.back_filled)


def test_what_was_logged_is_told_from_what_was_not_and_booleans_stay_booleans(tmp_path: Path) -> None:
    told = diary(3, shown=2)
    write(told, tmp_path)
    log, _ = read(tmp_path)
    asked = log.find(Visit, told.rows["id"][-1])
    features = {"flag": [True, False], "maybe": [True, None], "number": [1, None], "text": ["a", None]}
    taken = {"taken": 2, "candidate": ["p1", "p2"], "score": [0.0, 0.0], "propensity": [1.0, 1.0], "features": features}
    made = Decision(id="again", at=int(told.rows["at"][-1]), system="kiosk", policy="plain", watermark=told.end, **taken)
    log.append([Visit(id="again", at=asked.at, reader=asked.reader), made], known=log.last_known + 1)
    rows = LogHistory(log, kiosk()).decided(EVER, -EVER)
    log.close()
    mine = take(rows, rows["id"] == "again")
    assert mine["served flag"].tolist() == [True, False]
    assert mine["served flag"].dtype == bool
    assert mine["served number"].tolist()[0] == 1.0
    assert mine["served text"].tolist() == ["a", None]
    assert mine["logged maybe"].tolist() == [True, True]
    assert not rows["logged flag"][rows["id"] != "again"].any()
