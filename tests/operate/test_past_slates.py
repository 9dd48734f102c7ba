"""Slates that were shown elsewhere: learned from, counted and judged on as if they had been shown here; nothing is claimed of chances."""

from contextlib import closing

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.errors import Conflict
from millrace.evaluation.reasons import Reason, Refused
from millrace.loading import load, load_policy
from millrace.log.appending import HISTORY
from millrace.log.slates import import_slates
from millrace.operate.history import LogHistory
from millrace.operate.verify import verify
from millrace.schema import Shown
from millrace.serve.home import Home
from millrace.training.examples import gather
from millrace.types import EVER, MINUTE, moment, size
from tests.operate.posters import WALL, Decided, wall
from tests.operate.test_replaying import replayed
from tests.training.test_examples import bytes_of, whole

LOOKS = 400

COUNTING = (
    WALL.replace("BetaBelief,", "BetaBelief, Shown, count,")
    .replace("hung = Fresh", 'seen = count(Shown[Look, Poster], per=[Poster, (Look.visitor, Poster)], over="3h")\nhung = Fresh')
    .replace("features=[Poster.bold]", "features=[Poster.bold, seen]")
)


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A wall that has shown two posters at a time, and counts what it has shown to whom."""
    return wall(tmp_path_factory.mktemp("live"), LOOKS, places=2, text=COUNTING)


def exported(made, leave_out=()):
    """Return what a log has shown as a table: a row per candidate, those of a request together."""
    with closing(Home(made.home, made.loaded, read_only=True)) as home:
        asked = home.log.read(made.loaded.system.request)
        visitor = dict(zip(asked["id"], asked["visitor"], strict=True))
        rows = [
            {
                "request_id": one.id,
                "at": moment(one.at),
                "known": moment(known),
                "visitor": visitor[one.id],
                "poster": one.candidate[place],
                "rank": place,
                "score": one.score[place],
                "propensity": one.propensity[place],
            }
            for known, one in home.log.decisions("wall")
            for place in reversed(range(one.taken))
        ]
    return pa.Table.from_pylist([{name: value for name, value in row.items() if name not in leave_out} for row in rows])


def moved(made, folder, table):
    """Return the wall with a new log: what was known of posters, visitors and taps, and the slates of a table."""
    folder.mkdir()
    module = folder / "wall.py"
    module.write_text(made.module.read_text())
    new = Decided(module, folder / ".millrace", load(str(module)))
    pq.write_table(table, folder / "slates.parquet")
    with closing(Home(made.home, made.loaded, read_only=True)) as old, closing(Home(new.home, new.loaded)) as home:
        for name in ("Poster", "Visitor", "Tap"):
            columns = old.log.read(made.loaded.streams[name])
            home.log.load(new.loaded.streams[name], {field: column for field, column in columns.items() if field != "position"})
        mapping = {"id": "request_id", "candidate": "poster"}
        report = import_slates(
            home.log, new.loaded.system.request, folder / "slates.parquet", "wall", mapping, known="known", chunk_rows=37
        )
        assert (report.rows, report.added) == (table.num_rows, table.num_rows)
    return new


@pytest.fixture(scope="module")
def past(live, tmp_path_factory):
    return moved(live, tmp_path_factory.mktemp("past") / "with", exported(live))


def material(made):
    """Return the rows that were decided, what its ranker learns from and the impressions, and until when they are known."""
    with closing(Home(made.home, made.loaded, read_only=True)) as home:
        history, system = LogHistory(home.log, made.loaded), made.loaded.system
        [ranker] = made.loaded.models.values()
        end = home.log.last_known + 1
        found = gather(ranker, system.request, system.candidate, history, EVER, end)
        return history.decided(EVER, end), found, whole(found, end), home.log.read(Shown[system.request, system.candidate])


def test_imported_slates_give_the_training_rows_that_the_log_itself_gives(live, past):
    """Rows, places, labels and features, counts of what was shown among them, byte for byte."""
    (rows, _, examples, _), (again, found, same, _) = material(live), material(past)
    assert size(rows) == 2 * LOOKS
    for name in ("id", "at", "visitor", "action", "candidate", "rank", "score", "propensity"):
        np.testing.assert_array_equal(rows[name], again[name], err_msg=name)
    assert set(again["policy"]) == {HISTORY}
    assert (again["watermark"] == again["at"]).all()
    assert not any(column.any() for column in found.logged.values())  # nothing was served: all of it is back-filled
    assert bytes_of(examples) == bytes_of(same)
    [counts] = {tuple(np.unique(column)) for name, column in same.rows.items() if "Shown" in name and "visitor" not in name}
    assert max(counts) > 50
    assert 0 < np.mean(next(iter(same.labels.values()))) < 1


def test_imported_slates_are_counted_as_shown_once_they_are_known_and_not_before(past):
    rows, found, _, shown = material(past)
    [column] = [name for name in found.features if "Shown" in name and "visitor" not in name]
    hop = 3 * MINUTE  # a sixtieth of the window of three hours
    expected = [
        ((shown["candidate"] == candidate) & (shown["known"] < at) & (shown["at"] >= (at - 60 * hop) // hop * hop)).sum()
        for candidate, at in zip(rows["candidate"], rows["watermark"], strict=True)
    ]
    assert found.features[column].tolist() == expected


def test_slates_imported_beside_live_decisions_leave_all_those_made_and_proven_as_they_are(live, tmp_path):
    """What was decided counted what had been shown; slates of the same hours that come in later are no part of that."""
    made = wall(tmp_path, 60, places=2, text=COUNTING.replace("Rules(Poster.bold)", "Rules(seen[Poster])"))
    rows = [row | {"request_id": f"past {row['request_id']}"} for row in exported(live).to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "slates.parquet")
    given = made.loaded.system.request, tmp_path / "slates.parquet", "wall", {"id": "request_id", "candidate": "poster"}
    with closing(Home(made.home, made.loaded)) as home:
        before = list(home.log.decisions("wall"))
        with pytest.raises(Conflict, match="import it with known='now'"):
            import_slates(home.log, *given, known="known")
        assert list(home.log.decisions("wall")) == before
        latest = int(max(one["known"] for one in rows).timestamp()) * 1_000_000
        assert import_slates(home.log, *given, known="now", now=latest).added == 2 * LOOKS
        assert [(known, one) for known, one in home.log.decisions("wall") if one.policy != HISTORY] == before
        proof = verify(made.loaded, LogHistory(home.log, made.loaded), EVER, latest)
        assert (proof.decisions, proof.mismatches) == (60, ())


def test_other_policy_is_judged_on_imported_slates_as_on_the_log_but_for_what_was_never_tried(live, past):
    """Of what was not shown nobody knows with which chance it could have been: that is said of no imported slate."""
    [here], [there] = (replayed(one, load_policy(str(one.module), "calm")).judgements for one in (live, past))
    assert there.value.value == here.value.value
    assert (there.value.low, there.value.high, there.gain) == (here.value.low, here.value.high, there.gain)
    assert there.logged == here.logged
    assert (here.value.overlap.untried, there.value.overlap.untried) == (0.0, None)


def test_imported_slates_without_propensities_are_refused_for_it_in_words(live, tmp_path):
    chanceless = moved(live, tmp_path / "without", exported(live, leave_out=["propensity"]))
    with pytest.raises(Refused, match=f"none of {LOOKS} decisions has propensities: they were imported") as refused:
        replayed(chanceless, load_policy(str(chanceless.module), "calm"))
    assert refused.value.reason is Reason.NO_SUPPORT


def test_slates_of_which_a_chance_is_not_known_are_left_out_and_counted(live, tmp_path):
    table = exported(live)
    chances = [None if n % 8 == 0 else one for n, one in enumerate(table["propensity"].to_pylist())]  # one row of every fourth slate
    some = table.set_column(table.column_names.index("propensity"), "propensity", pa.array(chances, pa.float64()))
    made = moved(live, tmp_path / "some", some)
    found = replayed(made, load_policy(str(made.module), "calm"))
    assert (found.decisions, found.unknown) == (LOOKS * 3 // 4, LOOKS // 4)
