"""Importing slates: whole or not at all, each in its order, once, whatever the size of the chunks; the log as if it had been there."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.errors import BadInput, Conflict
from millrace.log.appending import HISTORY
from millrace.log.importing import ImportReport, import_decisions
from millrace.log.log import Log
from millrace.log.slate_rows import BESIDE, MOST, OTHERS, TWICE
from millrace.log.slates import import_slates
from millrace.schema import Ref, Request, Shown, field_names
from millrace.types import HOUR, MINUTE, SECOND, moment
from tests.log.test_importing import FORMATS, rejected, write
from tests.log.world import NOON, STREAMS, Refresh, Video, Viewer, decision, ids, refresh, same

CHUNKS = (1, 2, 3, 1000)


def slate(id, *candidates, at=NOON, viewer="ann", **more):
    """Return the rows of a slate, best first; a list in `more` or `viewer` holds a value per row, anything else is that of all."""
    places = [*range(1, len(candidates) + 1)]
    said = {"id": id, "at": moment(at).isoformat(), "viewer": viewer, "candidate": [*candidates], "place": places, **more}
    return [{name: value[n] if isinstance(value, list) else value for name, value in said.items()} for n in range(len(candidates))]


def slates(n, start=0):
    return [row for i in range(start, start + n) for row in slate(f"r{i}", "cat", "dog", "owl", at=NOON + i * SECOND, viewer=f"v{i % 3}")]


def made(log):
    return {one.id: one for _, one in log.decisions("feed")}


def reasons(report):
    """Return why each row that was set aside was, by its number."""
    return {one["row"]: one["reason"] for one in rejected(report)}


# ---- what is taken


@pytest.mark.parametrize("suffix", FORMATS)
def test_slate_is_a_request_and_one_decision_with_what_was_shown_in_its_places(log, tmp_path, suffix):
    rows = slate("r", "cat", "dog", "owl", score=[3.0, 2.0, 1.0], propensity=[1.0, 0.5, 0.25], limit=5)
    other = slate("s", "emu", at=NOON + 1, score=[None], propensity=[None], limit=5)
    path = write(tmp_path / f"slates{suffix}", [rows[2], rows[0], rows[1], *other])
    assert import_slates(log, Refresh, path, "feed") == ImportReport(4, 4, 0, {}, None)
    assert log.find(Refresh, "r") == refresh("r", limit=5)
    [(known, one), (_, other)] = log.decisions("feed")
    assert (known, one.at, one.watermark, one.policy, one.action, one.release) == (NOON, NOON, NOON, HISTORY, "shown", "")
    assert (one.taken, one.candidate, one.score) == (3, ["cat", "dog", "owl"], [3.0, 2.0, 1.0])
    assert one.propensity == [1.0, 0.5, 0.25]
    assert (other.candidate, other.score, other.propensity) == (["emu"], [None], [None])


def test_what_was_shown_is_read_as_impressions(log, tmp_path):
    import_slates(log, Refresh, write(tmp_path / "slates.csv", slates(2)), "feed")
    shown = log.read(Shown[Refresh, Video])
    assert shown["candidate"].tolist() == ["cat", "dog", "owl"] * 2
    assert shown["rank"].tolist() == [0, 1, 2] * 2
    assert shown["viewer"].tolist() == ["v0"] * 3 + ["v1"] * 3
    assert shown["known"].tolist() == shown["at"].tolist() == [NOON] * 3 + [NOON + SECOND] * 3


def test_rank_counts_from_0_and_what_is_mapped_goes_before_what_has_the_name(log, tmp_path):
    rows = [row | {"position": row["place"] - 1, "place": "top"} for row in slate("r", "cat", "dog")]
    path = write(tmp_path / "slates.csv", rows)
    assert import_slates(log, Refresh, path, "feed", {"rank": "position"}).added == 2
    assert made(log)["r"].candidate == ["cat", "dog"]


class Trip(Request):
    """A request with fields of its own that are called as something a slate says."""

    viewer: Ref[Viewer]
    place: str
    score: float


def test_field_of_the_request_goes_before_what_slates_say_under_its_name(tmp_path):
    rows = [row | {"place": "Rome", "rank": row["place"] - 1, "score": 7.0} for row in slate("r", "cat", "dog")]
    with Log.open(tmp_path / "log", [Viewer, Trip]) as log:
        assert import_slates(log, Trip, write(tmp_path / "slates.csv", rows), "feed").added == 2
        asked = log.find(Trip, "r")
        assert asked is not None
        assert (asked.place, asked.score) == ("Rome", 7.0)
        assert (made(log)["r"].candidate, made(log)["r"].score) == (["cat", "dog"], [None, None])


@pytest.mark.parametrize(("known", "expected"), [("at", NOON), ("now", NOON + HOUR), ("seen", NOON + MINUTE)])
def test_slates_are_known_when_other_imported_rows_would_be_and_are_as_of_when_they_were_asked(log, tmp_path, known, expected):
    path = write(tmp_path / "slates.csv", slate("r", "cat", "dog", seen=moment(NOON + MINUTE).isoformat()))
    import_slates(log, Refresh, path, "feed", known=known, now=NOON + HOUR)
    [(made_known, one)] = log.decisions("feed")
    assert (made_known, one.at, one.watermark) == (expected, NOON, NOON)
    assert log.read(Refresh)["known"].tolist() == [expected]


# ---- once, and beside what is there


@pytest.mark.parametrize("chunk_rows", CHUNKS)
def test_importing_again_adds_nothing_and_goes_on_where_it_stopped(log, tmp_path, chunk_rows):
    import_slates(log, Refresh, write(tmp_path / "some.csv", slates(3)), "feed", chunk_rows=2)
    path = write(tmp_path / "slates.csv", slates(7))
    assert import_slates(log, Refresh, path, "feed", chunk_rows=chunk_rows) == ImportReport(21, 12, 9, {}, None)
    assert import_slates(log, Refresh, path, "feed", chunk_rows=5) == ImportReport(21, 0, 21, {}, None)
    assert log.counts() == {"Refresh": 7, "decision": 7}


@pytest.mark.parametrize("chunks", range(1, 8))
def test_import_that_stopped_at_any_chunk_is_completed_by_the_same_command(log, tmp_path, chunks):
    path, told = write(tmp_path / "slates.csv", slates(4)), []

    def stop(share, rows):
        told.append(share)
        if len(told) == chunks:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_slates(log, Refresh, path, "feed", chunk_rows=3, progress=stop)
    there = 3 * log.counts().get("decision", 0)
    assert import_slates(log, Refresh, path, "feed") == ImportReport(12, 12 - there, there, {}, None)
    assert [one.candidate for one in made(log).values()] == [["cat", "dog", "owl"]] * 4


def test_request_that_was_taken_without_its_decision_gets_it(log, tmp_path):
    """As when the power went between the two."""
    log.load(Refresh, {"id": np.array(["r"], dtype=object), "at": np.array([NOON]), "viewer": np.array(["ann"], dtype=object)})
    assert import_slates(log, Refresh, write(tmp_path / "slates.csv", slate("r", "cat")), "feed").added == 1
    assert log.counts() == {"Refresh": 1, "decision": 1}


def test_other_slate_of_a_request_that_has_one_is_set_aside(log, tmp_path):
    import_slates(log, Refresh, write(tmp_path / "slates.csv", slate("r", "cat", "dog")), "feed")
    before = made(log)
    for rows, field in ((slate("r", "dog", "cat"), "shown"), (slate("r", "cat", "dog", viewer="bob"), "viewer")):
        report = import_slates(log, Refresh, write(tmp_path / "other.csv", rows), "feed")
        assert report.rejected == {f"id used before with other content ({field})": 2}
    assert made(log) == before


def test_decision_made_here_stays_as_it_is(log, tmp_path):
    live = decision("r", "cat", at=NOON, policy="ranked")
    log.append([refresh("r"), live], NOON)
    later = slate("s", "dog", at=NOON + HOUR)
    report = import_slates(log, Refresh, write(tmp_path / "slates.csv", slate("r", "cat") + later), "feed")
    assert (report.added, report.rejected) == (1, {"id used before with other content (policy)": 1})
    assert made(log)["r"] == live


def test_slates_behind_a_decision_made_here_are_refused_and_nothing_is_taken(log, tmp_path):
    log.append([decision("live", "cat", at=NOON + HOUR)], NOON + HOUR)
    path = write(tmp_path / "slates.csv", slates(3))
    with pytest.raises(Conflict, match="import it with known='now'"):
        import_slates(log, Refresh, path, "feed")
    assert log.counts() == {"decision": 1}
    assert import_slates(log, Refresh, path, "feed", known="now", now=NOON + 2 * HOUR).added == 9


def test_slates_of_before_what_the_log_keeps_are_set_aside(log, tmp_path):
    log.retain({"Refresh": NOON + SECOND, "decision": NOON + SECOND})
    report = import_slates(log, Refresh, write(tmp_path / "slates.csv", slates(3)), "feed")
    assert (report.added, report.rejected) == (6, {"older than what the log keeps": 3})


# ---- what is set aside


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (slate("r", "cat", "dog", place=[1, 3]), {1: "place: not 1, 2, ... without a gap in its request"}),
        (slate("r", "cat", "dog", place=[2, 3]), {1: "place: not 1, 2, ... without a gap in its request"}),
        (slate("r", "cat", "dog", place=[1, 1]), {1: "place: not 1, 2, ... without a gap in its request"}),
        (slate("r", "cat", "dog", place=[0, 1]), {1: "place: '0' is outside of what the field allows", 2: OTHERS}),
        (slate("r", "cat", "cat"), {1: TWICE}),
        (slate("r", "cat", "dog", viewer=["ann", "bob"]), {1: "viewer: not the same in all rows of its request"}),
        (slate("r", "cat", "dog", action=["shown", "hidden"]), {1: "action: not the same in all rows of its request"}),
        (slate("r", "cat", "dog", limit=["5", "many"]), {1: OTHERS, 2: "limit: 'many' is not a whole number of 64 bits"}),
        (slate("r", "cat", None), {1: OTHERS, 2: "candidate: missing"}),
        (slate("r", "cat", "dog", propensity=[0.5, 0.0]), {1: OTHERS, 2: "propensity: '0.0' is outside of what the field allows"}),
        (slate("r", "cat", "dog", score=[0.5, "inf"]), {1: OTHERS, 2: "score: 'inf' is not a finite number"}),
    ],
)
@pytest.mark.parametrize("chunk_rows", CHUNKS)
def test_slate_is_set_aside_whole_with_its_reason_and_its_neighbours_are_taken(log, tmp_path, rows, why, chunk_rows):
    keys = dict.fromkeys(key for row in rows for key in row)
    beside = [{key: row.get(key) for key in keys} for row in slate("a", "cat") + slate("z", "cat")]
    if "action" in keys:
        beside = [row | {"action": "shown"} for row in beside]
    report = import_slates(log, Refresh, write(tmp_path / "slates.csv", [beside[0], *rows, beside[1]]), "feed", chunk_rows=chunk_rows)
    assert sorted(made(log)) == ids(log.read(Refresh)) == ["a", "z"]
    assert (report.rows, report.added, report.duplicates) == (4, 2, 0)
    assert reasons(report) == {2: why[1], 3: why.get(2, why[1])}
    assert [one["values"]["candidate"] for one in rejected(report)] == [row["candidate"] or "" for row in rows]


@pytest.mark.parametrize("chunk_rows", CHUNKS)
def test_known_that_differs_within_a_slate_is_said(log, tmp_path, chunk_rows):
    rows = slate("r", "cat", "dog", seen=[moment(NOON + i).isoformat() for i in range(2)])
    report = import_slates(log, Refresh, write(tmp_path / "slates.csv", rows), "feed", known="seen", chunk_rows=chunk_rows)
    assert report.rejected == {"known: not the same in all rows of its request": 2}


@pytest.mark.parametrize("chunk_rows", CHUNKS)
@pytest.mark.parametrize(
    ("broken", "aside"),
    [
        ("r1,only two", {"r0", "r1"}),  # between two requests: it may be of either
        (",2026-01-01T12:00:00Z,v1,cat,4", {"r0", "r1"}),
    ],
)
def test_slates_beside_a_row_that_does_not_say_its_request_are_set_aside(log, tmp_path, chunk_rows, broken, aside):
    path = write(tmp_path / "slates.csv", slates(3))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:4], broken, *lines[4:]]) + "\n")
    report = import_slates(log, Refresh, path, "feed", chunk_rows=chunk_rows)
    assert set(made(log)) == {"r0", "r1", "r2"} - aside
    assert (report.rows, report.added, report.rejected[BESIDE]) == (10, 3, 6)
    assert len(reasons(report)) == 7


@pytest.mark.parametrize("chunk_rows", CHUNKS)
@pytest.mark.parametrize(("after", "aside"), [(0, {"r0"}), (2, {"r0"}), (9, {"r2"})])
def test_row_that_cannot_be_read_spoils_the_slate_it_stands_in_first_or_last(log, tmp_path, chunk_rows, after, aside):
    path = write(tmp_path / "slates.csv", slates(3))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[: after + 1], "broken", *lines[after + 1 :]]) + "\n")
    import_slates(log, Refresh, path, "feed", chunk_rows=chunk_rows)
    assert set(made(log)) == {"r0", "r1", "r2"} - aside


# ---- what is refused before anything is taken


@pytest.mark.parametrize("chunk_rows", CHUNKS)
def test_rows_of_a_request_that_stand_apart_are_refused_and_nothing_is_taken(log, tmp_path, chunk_rows):
    rows = slates(3)
    path = write(tmp_path / "slates.csv", [rows[0], *rows[3:], *rows[1:3]])
    with pytest.raises(BadInput, match="the rows of r0 do not stand together: sort the file by what `id` is taken from"):
        import_slates(log, Refresh, path, "feed", chunk_rows=chunk_rows)
    assert log.counts() == {}


def test_id_that_is_none_of_requests_is_refused(log, tmp_path):
    rows = [row | {"id": "mobile"} for row in slate("r", *(f"c{i}" for i in range(MOST + 1)))]
    with pytest.raises(BadInput, match="mobile has more than 10,000 rows: take `id` from the column that says whose a row is"):
        import_slates(log, Refresh, write(tmp_path / "slates.csv", rows), "feed", chunk_rows=700)
    assert import_slates(log, Refresh, write(tmp_path / "slates.csv", rows[:-1]), "feed", chunk_rows=700).added == MOST


@pytest.mark.parametrize(
    ("drop", "add", "said"),
    [
        ("place", {}, "no column says where each candidate stood: map one to `place`, which counts from 1, or to `rank`"),
        ("", {"rank": 0}, "two columns say where each candidate stood"),
        ("id", {}, r"Refresh\.id is required"),
        ("candidate", {}, r"Refresh\.candidate is required"),
        ("viewer", {}, r"Refresh\.viewer is required"),
    ],
)
def test_file_that_cannot_be_slates_is_refused_in_one_sentence(log, tmp_path, drop, add, said):
    rows = [{name: value for name, value in row.items() if name != drop} | add for row in slates(1)]
    with pytest.raises(BadInput, match=said):
        import_slates(log, Refresh, write(tmp_path / "slates.csv", rows), "feed")


# ---- laws


def test_progress_goes_up_to_the_end_and_tells_the_rows(log, tmp_path):
    told: list[tuple[float, int]] = []
    path = write(tmp_path / "slates.csv", slates(4))
    import_slates(log, Refresh, path, "feed", chunk_rows=5, progress=lambda share, rows: told.append((share, rows)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert told[-1] == (1.0, 12)


_SLATES = st.lists(
    st.tuples(
        st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=5, unique=True),
        st.sampled_from(["ann", "bob"]),
        st.none() | st.floats(-10, 10),
        st.none() | st.floats(0.01, 1),
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=40)
@given(told=_SLATES, chunk_rows=st.integers(1, 9), order=st.randoms(use_true_random=False), suffix=st.sampled_from([".parquet", ".jsonl"]))
def test_slates_exported_from_a_log_and_imported_into_another_are_the_same(told, chunk_rows, order, suffix):
    with TemporaryDirectory() as folder, Log.open(Path(folder, "one"), STREAMS) as one, Log.open(Path(folder, "two"), STREAMS) as two:
        rows = []
        for n, (shown, viewer, score, chance) in enumerate(told):
            at, numbers = NOON + n * SECOND, {"score": [score] * len(shown), "propensity": [chance] * len(shown)}
            one.append([refresh(f"r{n}", at, viewer), decision(f"r{n}", *shown, at=at, policy="old", action="shown", **numbers)], at)
            mine = slate(f"r{n}", *shown, at=at, viewer=viewer, **numbers)
            order.shuffle(mine)
            rows += mine
        path = write(Path(folder, f"slates{suffix}"), rows)
        report = import_slates(two, Refresh, path, "feed", chunk_rows=chunk_rows)
        assert (report.rows, report.added, report.rejected) == (len(rows), len(rows), {})
        for stream in (Refresh, Shown[Refresh, Video]):
            assert same(*({name: log.read(stream)[name] for name in ("id", "at", *field_names(stream))} for log in (one, two)))
        for before, after in zip(one.decisions("feed"), two.decisions("feed"), strict=True):
            for name in ("id", "at", "watermark", "action", "taken", "candidate", "score", "propensity"):
                assert getattr(before[1], name) == getattr(after[1], name)


_MESSY = st.lists(
    st.tuples(
        st.sampled_from(["a", "a", "b", "b", "c", "", "broken"]),
        st.sampled_from([1, 1, 2, 2, 3, 0]),
        st.sampled_from(["cat", "dog", "owl", ""]),
        st.sampled_from(["ann", "ann", "ann", "bob"]),
    ),
    min_size=1,
    max_size=9,
)


def taken_by_hand(rows):
    """Return what is taken of a file, by request; None where rows of a request stand apart. Row by row, as one would by hand."""
    order = [id for n, (id, *_) in enumerate(rows) if id not in ("", "broken")]
    distinct = [id for n, id in enumerate(order) if n == 0 or order[n - 1] != id]
    if len(set(distinct)) < len(distinct):
        return None
    found = {}
    for id in distinct:
        at = [n for n, row in enumerate(rows) if row[0] == id]
        near = rows[max(at[0] - 1, 0) : at[-1] + 2]
        mine = sorted((place, candidate) for one, place, candidate, _ in rows if one == id)
        is_whole = all(one not in ("", "broken") for one, *_ in near)
        is_one = len({viewer for one, _, _, viewer in rows if one == id}) == 1
        candidates = [candidate for _, candidate in mine]
        in_line = [place for place, _ in mine] == [*range(1, len(mine) + 1)]
        if is_whole and is_one and in_line and "" not in candidates and len(set(candidates)) == len(candidates):
            found[id] = candidates
    return found


@settings(deadline=None, max_examples=300)
@given(rows=_MESSY, chunk_rows=st.integers(1, 4))
def test_of_any_file_exactly_the_whole_slates_are_taken(rows, chunk_rows):
    with TemporaryDirectory() as folder, Log.open(Path(folder, "log"), STREAMS) as log:
        lines = [
            "broken" if id == "broken" else f"{id},2026-01-01T12:00:00Z,{viewer},{candidate},{place}"
            for id, place, candidate, viewer in rows
        ]
        path = Path(folder, "slates.csv")
        path.write_text("\n".join(["id,at,viewer,candidate,place", *lines]) + "\n")
        expected = taken_by_hand(rows)
        if expected is None:
            with pytest.raises(BadInput, match="do not stand together"):
                import_slates(log, Refresh, path, "feed", chunk_rows=chunk_rows)
            expected = {}
        else:
            report = import_slates(log, Refresh, path, "feed", chunk_rows=chunk_rows)
            assert (report.rows, report.added) == (len(rows), sum(map(len, expected.values())))
            assert sorted(reasons(report)) == [n for n, (id, *_) in enumerate(rows, 1) if id not in expected]
            with Log.open(Path(folder, "other"), STREAMS) as other:
                assert reasons(import_slates(other, Refresh, path, "feed")) == reasons(report)  # whatever the chunks
        assert {id: one.candidate for id, one in made(log).items()} == expected
        assert sorted(ids(log.read(Refresh))) == sorted(expected)


def test_a_slate_of_one_is_what_a_decision_of_one_row_is(tmp_path):
    rows = slate("r", "cat", propensity=0.5)
    found = []
    for name, bring in (("one", import_decisions), ("two", import_slates)):
        with Log.open(tmp_path / name, STREAMS) as log:
            assert bring(log, Refresh, write(tmp_path / "slates.csv", rows), "feed").added == 1
            found.append(list(log.decisions("feed")))
    assert found[0] == found[1]
