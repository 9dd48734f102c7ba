"""Importing takes what it can, sets the rest aside with the reason, and does so once."""

import csv
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.errors import BadInput, Conflict
from millrace.log.importing import ImportReport, import_decisions, import_file
from millrace.log.log import Log
from millrace.schema import Shown
from millrace.types import HOUR, SECOND, moment
from tests.log.world import NOON, STREAMS, Refresh, Video, Viewer, Watch, decision, ids, refresh, same, watch

FORMATS = [".csv", ".tsv", ".jsonl", ".ndjson.gz", ".csv.gz", ".parquet"]

GOOD = {"id": "a", "at": "2026-01-01T12:00:00Z", "viewer": "ann", "video": "cat", "seconds": 1.5, "completed": True}


def text(value):
    return "" if value is None else str(value)


def write(path, rows):
    """Write rows (dicts of equal keys) in the format of the path's suffix."""
    names = list(rows[0])
    opened = gzip.open if path.suffix == ".gz" else open
    if path.suffix == ".parquet":
        columns = {name: [row[name] for row in rows] for name in names}
        mixed = {name: [text(value) for value in values] for name, values in columns.items() if len({type(value) for value in values}) > 1}
        pq.write_table(pa.table(columns | mixed), path)
    elif ".jsonl" in path.suffixes or ".ndjson" in path.suffixes:
        with opened(path, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    else:
        with opened(path, "wt", encoding="utf-8", newline="") as file:
            cells = csv.writer(file, delimiter="\t" if ".tsv" in path.suffixes else ",")
            cells.writerows([names, *([text(row[name]) for name in names] for row in rows)])
    return path


def good(n, **more):
    return [
        GOOD | {"id": f"w{i}", "at": moment(NOON + i * SECOND).isoformat(), "viewer": f"viewer {i % 3}", "seconds": i + 0.5} | more
        for i in range(n)
    ]


def rejected(report):
    if report.rejected_file is None:
        return []
    return [json.loads(line) for line in report.rejected_file.read_text().splitlines()]


@pytest.mark.parametrize("suffix", FORMATS)
def test_file_of_each_format_becomes_rows(log, tmp_path, suffix):
    path = write(tmp_path / f"watches{suffix}", good(7))
    report = import_file(log, Watch, path)
    assert report == ImportReport(rows=7, added=7, duplicates=0, rejected={}, rejected_file=None)
    rows = log.read(Watch)
    assert ids(rows) == [f"w{i}" for i in range(7)]
    assert rows["at"].tolist() == rows["known"].tolist() == [NOON + i * SECOND for i in range(7)]
    assert rows["seconds"].tolist() == [i + 0.5 for i in range(7)]
    assert rows["completed"].tolist() == [True] * 7
    assert not (log.store.folder / "rejected").exists()
    assert import_file(log, Watch, path) == ImportReport(7, 0, 7, {}, None)
    assert same(rows, log.read(Watch))


BAD = [
    ("no viewer", {"viewer": None}, "viewer: missing", ""),
    ("no number", {"seconds": "long"}, "seconds: not a number", "seconds: 'long' is not a number"),
    ("number missing", {"seconds": None}, "seconds: missing", ""),
    ("not a number", {"seconds": "nan"}, "seconds: not a finite number", "seconds: 'nan' is not a finite number"),
    ("infinity", {"seconds": "inf"}, "seconds: not a finite number", "seconds: 'inf' is not a finite number"),
    ("no flag", {"completed": "maybe"}, "completed: not true or false", "completed: 'maybe' is not true or false"),
    ("naive", {"at": "2026-01-01T12:00:00"}, "at: no time zone", "at: '2026-01-01T12:00:00' has no time zone"),
    ("no instant", {"at": "noon" * 20}, "at: not an instant", f"at: '{'noon' * 9}no… is not an instant"),
    ("no time", {"at": None}, "at: missing", ""),
    ("future", {"at": "2026-01-01T14:00:00Z"}, "at: in the future", "at: '2026-01-01T14:00:00Z' is in the future"),
    ("id used again", {"id": "first", "seconds": 9.0}, "id used before with other content (seconds)", ""),
]


@pytest.mark.parametrize("suffix", FORMATS)
def test_bad_rows_are_set_aside_with_number_reason_and_row_and_the_others_are_taken(log, tmp_path, suffix):
    rows = [GOOD | {"id": "first"}]
    for name, change, _, _ in BAD:
        rows += [GOOD | {"id": name} | change, GOOD | {"id": f"after {name}"}]
    report = import_file(log, Watch, write(tmp_path / f"watches{suffix}", rows), now=NOON + HOUR, chunk_rows=5)
    assert (report.rows, report.added, report.duplicates) == (len(rows), 1 + len(BAD), 0)
    expected = {}
    first = {}
    for i, (_, _, reason, told) in enumerate(BAD):
        expected[reason] = expected.get(reason, 0) + 1
        first.setdefault(reason, (2 + 2 * i, told or reason))
    assert (report.rejected, report.first) == (expected, first)
    assert sorted(ids(log.read(Watch))) == sorted(["first", *(f"after {name}" for name, *_ in BAD)])
    aside = rejected(report)
    assert [(one["row"], one["reason"]) for one in aside] == [(2 + 2 * i, told or reason) for i, (_, _, reason, told) in enumerate(BAD)]
    assert [one["values"]["id"] for one in aside] == [rows[one["row"] - 1]["id"] for one in aside]
    assert report.rejected_file == log.store.folder / "rejected" / "Watch-20260101T130000Z.jsonl"


@pytest.mark.parametrize("suffix", FORMATS)
def test_time_zone_given_makes_naive_instants_explicit(log, tmp_path, suffix):
    path = write(tmp_path / f"watches{suffix}", [GOOD | {"at": "2026-01-01 13:00:00"}])
    assert import_file(log, Watch, path).rejected == {"at: no time zone": 1}
    assert import_file(log, Watch, path, timezone="Europe/Vienna").added == 1
    assert log.read(Watch)["at"].tolist() == [NOON]
    with pytest.raises(BadInput, match="'Mars/Phobos' is no time zone"):
        import_file(log, Watch, path, timezone="Mars/Phobos")


def test_rows_that_cannot_be_read_are_set_aside_as_they_are(log, tmp_path):
    header, row = ",".join(GOOD), ",".join(text(value) for value in GOOD.values())
    path = tmp_path / "watches.csv"
    foreign = row.replace("ann", "\xff").replace("a,", "b,", 1)
    lines = [header, row, "", "1,2", f"{row},more", foreign, '"q"uoted', row.replace("a,", "c,", 1), 'd,"open']
    path.write_bytes("\n".join(lines).encode("latin-1"))
    report = import_file(log, Watch, path)
    assert (report.rows, report.added) == (7, 2)
    assert [(one["row"], one["reason"]) for one in rejected(report)] == [
        (2, "unreadable: 2 cells under a header of 6"),
        (3, "unreadable: 7 cells under a header of 6"),
        (4, "unreadable: not UTF-8"),
        (5, "unreadable: ',' expected after '\"'"),
        (7, "unreadable: unexpected end of data"),
    ]
    assert rejected(report)[0]["values"] == ["1", "2"]
    assert rejected(report)[2]["values"][2] == "\\xff"
    assert [one["values"] for one in rejected(report)[3:]] == ['"q"uoted\n', 'd,"open']


def test_lines_that_are_no_objects_are_set_aside_as_they_are(log, tmp_path):
    path = tmp_path / "watches.jsonl"
    bad = ['{"id": "half', "[1, 2]", "7", '{"id": "x"},{"id": "y"}']
    path.write_text("\n".join([json.dumps(GOOD), "", *bad, json.dumps(GOOD | {"id": "b"})]))
    report = import_file(log, Watch, path)
    assert (report.rows, report.added, report.rejected) == (6, 2, {"unreadable: not a JSON object": 4})
    assert [(one["row"], one["values"]) for one in rejected(report)] == [(i + 3, line) for i, line in enumerate(bad)]


def test_columns_are_mapped_constants_given_and_the_rest_defaulted(log, tmp_path):
    rows = [{"user": 17, "title": "cat", "when": "2026-01-01T12:00:00Z", "length": 2, "other": "x"}]
    path = write(tmp_path / "export.csv", rows)
    mapping = {"viewer": "user", "video": "title", "at": "when"}
    assert import_file(log, Watch, path, mapping, {"seconds": 3, "note": "imported"}).added == 1
    row = log.find(Watch, log.read(Watch)["id"][0])
    assert row is not None
    assert (row.viewer, row.video, row.seconds, row.completed, row.rating, row.note) == ("17", "cat", 3.0, False, None, "imported")


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"mapping": {"speed": "seconds"}}, "Watch has no field 'speed': choose among id, at, viewer"),
        ({"mapping": {"rating": "stars"}}, r"there is no column 'stars' to take Watch\.rating from: the file has id, at"),
        ({"constants": {"seconds": "long"}}, r"Watch\.seconds: 'long' is not a number"),
        ({"constants": {"at": datetime(2026, 1, 1)}}, r"Watch\.at: 2026-01-01 00:00:00 has no time zone"),
        ({"known": "published"}, r"there is no column 'published' to take Watch\.known from"),
        ({"known": "now"}, "known='now' needs to be told what time it is: give now="),
    ],
)
def test_wrong_mapping_is_refused_before_anything_is_read(log, tmp_path, settings, said):
    path = write(tmp_path / "watches.csv", good(3))
    with pytest.raises(BadInput, match=said):
        import_file(log, Watch, path, **settings)
    assert log.position == 0


def test_required_field_without_a_column_is_refused(log, tmp_path):
    path = write(tmp_path / "watches.csv", [{"at": GOOD["at"], "video": "cat", "seconds": 1}])
    with pytest.raises(
        BadInput, match=r"Watch\.viewer is required and no column has its name: .* the file has at, video, seconds"
    ) as error:
        import_file(log, Watch, path)
    assert error.value.field == "viewer"


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("watches.xlsx", b"", "of no format that can be imported: use .parquet, .csv"),
        ("watches.parquet.gz", b"", "of no format"),
        ("nowhere.csv", None, "is not a file"),
        ("empty.csv", b"", "needs a header"),
        ("twice.csv", b"a,a\n1,2\n", "needs a header of distinct names"),
        ("broken.parquet", b"PAR1 and so on", "cannot be read as Parquet"),
        ("broken.csv.gz", b"not packed", "cannot be read"),
    ],
)
def test_file_that_cannot_be_read_is_refused_with_its_name(log, tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=said) as error:
        import_file(log, Watch, tmp_path / name)
    assert name in str(error.value)
    assert error.value.field == "path"


def test_packed_file_that_was_cut_off_is_refused_after_what_could_be_read(log, tmp_path):
    path = write(tmp_path / "watches.jsonl.gz", good(20_000))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(BadInput, match=r"watches.jsonl.gz cannot be read"):
        import_file(log, Watch, path, chunk_rows=1000)
    write(path, good(20_000))
    report = import_file(log, Watch, path, chunk_rows=1000)
    assert report.duplicates > 0
    assert report.added + report.duplicates == 20_000 == len(log.read(Watch)["id"])


def test_rows_without_ids_get_them_from_what_they_say(log, tmp_path):
    rows = [{name: value for name, value in row.items() if name != "id"} for row in [*good(5), *good(5), *good(3)]]
    path = write(tmp_path / "watches.csv", rows)
    assert import_file(log, Watch, path, chunk_rows=4).added == 13
    first = log.read(Watch)
    assert len(set(ids(first))) == 13
    assert import_file(log, Watch, path, chunk_rows=3).duplicates == 13
    more = write(tmp_path / "more.jsonl", [*rows, rows[0], rows[0] | {"seconds": 77.0}])
    assert import_file(log, Watch, more).added == 2
    assert len(log.read(Watch)["id"]) == 15


def test_row_without_an_id_among_rows_with_one_gets_one(log, tmp_path):
    path = write(tmp_path / "watches.csv", [GOOD, GOOD | {"id": None}, GOOD | {"id": None}])
    assert import_file(log, Watch, path).added == 3
    assert import_file(log, Watch, path).duplicates == 3


def test_rows_of_a_file_are_in_the_order_they_became_known_and_then_of_the_file(log, tmp_path):
    order = np.random.default_rng(1).permutation(50)
    rows = [GOOD | {"id": f"w{i}", "at": moment(NOON + int(i) // 5 * SECOND).isoformat()} for i in order]
    import_file(log, Watch, write(tmp_path / "watches.csv", rows), chunk_rows=1000)
    assert ids(log.read(Watch)) == [f"w{i}" for i in sorted(order, key=lambda i: (i // 5, order.tolist().index(i)))]


def test_known_is_a_column_or_now(log, tmp_path):
    rows = [GOOD | {"id": f"w{i}", "seen": moment(NOON + HOUR - i * SECOND).isoformat()} for i in range(3)]
    path = write(
        tmp_path / "watches.csv", [*rows, GOOD | {"id": "bad", "seen": "later"}, GOOD | {"id": "early", "seen": "2026-01-01T11:00Z"}]
    )
    report = import_file(log, Watch, path, known="seen")
    assert report.rejected == {"known: not an instant": 1, "at: in the future": 1}
    assert log.read(Watch)["known"].tolist() == [NOON + HOUR - i * SECOND for i in (2, 1, 0)]
    late = write(tmp_path / "late.csv", good(2, id=None))
    import_file(log, Watch, late, known="now", now=NOON + 2 * HOUR)
    assert log.read(Watch)["known"].tolist()[3:] == [NOON + 2 * HOUR] * 2


def test_import_behind_a_decision_made_here_is_refused_with_the_remedy(log, tmp_path):
    path = write(tmp_path / "watches.csv", good(3))
    log.append([refresh("r", NOON + HOUR), decision("r", "cat", at=NOON + HOUR)], NOON + HOUR)
    with pytest.raises(Conflict, match=r"would become known at .* import it with known='now'"):
        import_file(log, Watch, path)
    assert ids(log.read(Watch)) == []
    assert import_file(log, Watch, path, known="now", now=NOON + 2 * HOUR).added == 3


def test_import_again_after_decisions_were_made_adds_nothing_and_is_not_refused(log, tmp_path):
    path = write(tmp_path / "watches.csv", good(3))
    import_file(log, Watch, path)
    log.append([decision("r", "cat", at=NOON + HOUR)], NOON + HOUR)
    assert import_file(log, Watch, path).duplicates == 3


def test_import_beside_live_records_meets_their_ids(log, tmp_path):
    log.append([watch("w0", NOON, "viewer 0", seconds=0.5, completed=True), watch("w1")], NOON + SECOND)
    report = import_file(log, Watch, write(tmp_path / "watches.csv", good(3)))
    assert (report.added, report.duplicates) == (1, 1)
    assert report.rejected == {"id used before with other content (at)": 1}


def test_updates_of_entities_are_imported_by_id_and_instant(log, tmp_path):
    rows = [
        {"id": "ann", "at": f"2026-01-0{day}T00:00:00Z", "country": country}
        for day, country in [(1, "AT"), (2, "DE"), (1, "AT"), (1, "FR")]
    ]
    report = import_file(log, Viewer, write(tmp_path / "viewers.csv", rows))
    assert (report.added, report.duplicates, report.rejected) == (2, 1, {"id used before with other content (country)": 1})
    assert log.find(Viewer, "ann") == Viewer(id="ann", country="DE")


def test_entities_without_an_instant_are_as_of_when_they_become_known(log, tmp_path):
    path = write(tmp_path / "viewers.csv", [{"id": "ann", "country": "AT"}, {"id": None, "country": "DE"}])
    with pytest.raises(BadInput, match=r"Viewer\.at is required"):
        import_file(log, Viewer, path)
    report = import_file(log, Viewer, path, known="now", now=NOON)
    assert (report.added, report.rejected) == (1, {"id: missing": 1})
    assert log.read(Viewer)["at"].tolist() == [NOON]


def test_progress_is_told_after_each_chunk(log, tmp_path):
    for suffix in FORMATS:
        told: list[tuple[float, int]] = []
        path = write(tmp_path / f"watches{suffix}", good(10))
        import_file(log, Watch, path, chunk_rows=4, progress=lambda share, rows, told=told: told.append((share, rows)))
        shares, rows = zip(*told, strict=True)
        assert rows == (4, 8, 10)
        assert list(shares) == sorted(shares)
        assert shares[-1] == 1.0


def test_file_of_rejected_rows_never_replaces_another(log, tmp_path):
    path = write(tmp_path / "watches.csv", [GOOD | {"seconds": "long"}])
    names = [import_file(log, Watch, path, now=now).rejected_file for now in (None, None, NOON + HOUR, NOON + HOUR)]
    assert [Path(name).name for name in names if name] == [
        "Watch.jsonl",
        "Watch-2.jsonl",
        "Watch-20260101T130000Z.jsonl",
        "Watch-20260101T130000Z-2.jsonl",
    ]


def test_chunks_of_any_size_give_the_same_log(tmp_path):
    path = write(tmp_path / "watches.csv", [*good(9), *[GOOD | {"seconds": "x"}] * 2, *good(11)])
    logs = []
    for rows in (1, 3, 1000):
        with Log.open(tmp_path / f"log {rows}", STREAMS) as log:
            report = import_file(log, Watch, path, chunk_rows=rows)
            assert (report.rows, report.added, report.duplicates, sum(report.rejected.values())) == (22, 11, 9, 2)
            logs.append([(id, known) for id, known in zip(ids(log.read(Watch)), log.read(Watch)["known"].tolist(), strict=True)])
    assert logs[0] == logs[1] == logs[2]


HISTORY = [
    {"at": "2026-01-01T12:00:00Z", "viewer": "ann", "page": "cat", "done": "shown"},
    {"at": "2026-01-01T12:00:01Z", "viewer": "bob", "page": "dog", "done": "shown"},
    {"at": "2026-01-01T12:00:01Z", "viewer": "bob", "page": "cat", "done": "skipped"},
]


def test_imported_history_is_requests_and_decisions_of_the_policy_history(log, tmp_path):
    path = write(tmp_path / "visits.csv", HISTORY)
    report = import_decisions(log, Refresh, path, "feed", mapping={"candidate": "page", "action": "done"})
    assert (report.rows, report.added, report.rejected) == (3, 3, {})
    made = list(log.decisions("feed"))
    assert [(known, one.at, one.watermark) for known, one in made] == [(NOON + s * SECOND,) * 3 for s in (0, 1, 1)]
    assert [(one.policy, one.action, one.candidate, one.taken, one.propensity) for _, one in made] == [
        ("history", "shown", ["cat"], 1, [None]),
        ("history", "shown", ["dog"], 1, [None]),
        ("history", "skipped", ["cat"], 1, [None]),
    ]
    requests = log.read(Refresh)
    assert ids(requests) == [one.id for _, one in made]
    assert requests["limit"].tolist() == [20, 20, 20]
    assert (requests["position"] < log.read(type(made[0][1]))["position"]).all()
    assert log.read(Shown[Refresh, Video])["candidate"].tolist() == ["cat", "dog", "cat"]
    again = import_decisions(log, Refresh, path, "feed", mapping={"candidate": "page", "action": "done"}, chunk_rows=1)
    assert (again.added, again.duplicates) == (0, 3)


def test_history_of_a_system_that_scores_decides_on_the_request_itself(log, tmp_path):
    path = write(tmp_path / "loans.jsonl", [{"id": f"loan {i}", "at": GOOD["at"], "viewer": "ann", "action": "approve"} for i in range(2)])
    import_decisions(log, Refresh, path, "credit")
    assert [(one.candidate, one.action) for _, one in log.decisions()] == [(["loan 0"], "approve"), (["loan 1"], "approve")]


def test_history_without_an_action_was_shown_and_its_propensity_is_kept_where_known(log, tmp_path):
    rows = [row | {"candidate": row["page"], "propensity": share} for row, share in zip(HISTORY, [0.5, None, 1.5], strict=True)]
    report = import_decisions(log, Refresh, write(tmp_path / "visits.csv", rows), "feed")
    assert report.rejected == {"propensity: outside of what the field allows": 1}
    assert [(one.action, one.propensity) for _, one in log.decisions()] == [("shown", [0.5]), ("shown", [None])]


def test_history_row_that_does_not_say_what_was_taken_is_set_aside(log, tmp_path):
    path = write(tmp_path / "visits.csv", [HISTORY[0], HISTORY[1] | {"page": None}])
    report = import_decisions(log, Refresh, path, "feed", mapping={"candidate": "page"})
    assert (report.added, report.rejected) == (1, {"candidate: missing": 1})
    assert log.counts() == {"Refresh": 1, "decision": 1}


def test_second_decision_on_a_request_is_set_aside(log, tmp_path):
    rows = [{"id": "r", "at": GOOD["at"], "viewer": "ann", "candidate": page} for page in ("cat", "cat", "dog")]
    report = import_decisions(log, Refresh, write(tmp_path / "visits.csv", rows), "feed")
    assert (report.added, report.duplicates, report.rejected) == (1, 1, {"id used before with other content (shown)": 1})


def test_history_behind_a_decision_made_here_is_refused(log, tmp_path):
    log.append([decision("live", "cat", at=NOON + HOUR)], NOON + HOUR)
    with pytest.raises(Conflict, match="import it with known='now'"):
        import_decisions(log, Refresh, write(tmp_path / "visits.csv", HISTORY), "feed", mapping={"candidate": "page"})
    assert log.counts() == {"decision": 1}


def test_parquet_of_another_program_is_read_in_its_own_types(log, tmp_path):
    table = pa.table(
        {
            "at": pa.array([datetime(2026, 1, 1, 12, tzinfo=UTC), None]),
            "viewer": pa.array([17850.0, 1.0]),
            "video": pa.array(["cat", "dog"]).dictionary_encode(),
            "seconds": pa.array([1, 2], pa.int16()),
            "rating": pa.array([4.0, float("nan")]),
            "nested": pa.array([{"a": 1}, None]),
        }
    )
    pq.write_table(table, tmp_path / "watches.parquet")
    report = import_file(log, Watch, tmp_path / "watches.parquet")
    assert (report.added, report.rejected) == (1, {"at: missing": 1})
    row = log.find(Watch, log.read(Watch)["id"][0])
    assert row is not None
    assert (row.viewer, row.video, row.seconds, row.rating) == ("17850", "cat", 1.0, 4)
    assert rejected(report)[0]["values"]["viewer"] == 1.0
