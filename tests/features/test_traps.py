"""What has bitten others, each in both engines and by the definitions: the smallest logs that tell right from wrong."""

import math
from typing import Any

import numpy as np
import pytest

from millrace.decision import Decisions
from millrace.features.declare import count, last, maximum, mean, minimum, ratio, total
from millrace.features.declare_patterns import decayed, deviation, first, last_k, since, streak, variance, velocity
from millrace.features.declare_values import distinct, median, quantile, top_k
from millrace.features.offline import backfill
from millrace.features.online import OnlineView
from millrace.features.plan import plan
from millrace.features.snapshot import restore, snapshot
from millrace.types import DAY, SECOND, objects
from tests.features.naive import Oracle, Record, Row
from tests.features.shop import Browse, Item, Look, Order, Person, batch, decisions, history, row_columns, same

WINDOW = {"over": "10s", "hop": "3s"}
ASKED = {"id": "now", "person": "p", "device": "d"}


def look(at: float, known: float | None = None, position: int = 0, **fields: Any) -> Record:
    """Return a look by `p` at `i`, instants in seconds."""
    values = {"person": "p", "item": "i", "seconds": 1.0, "bought": True, "cents": 1, "note": "a"} | fields
    at, known = round(at * SECOND), round((at if known is None else known) * SECOND)
    return Record(Look, {"id": f"e{position}", "at": at} | values, at, known, position)


def owned(at: float, item: str, maker: str) -> Record:
    """Return word that an item is of a maker, known when it came."""
    values = {"id": item, "maker": maker, "genre": None, "price": None, "stock": None, "born": 0, "at": round(at * SECOND)}
    return Record(Item, values, round(at * SECOND), round(at * SECOND))


def both(features: list[Any], log: list[Record], watermark: float, restart: int | None = None, candidate: str | None = "i") -> list[Any]:
    """Return features of one row, the same by the online view, a backfill and the definitions; the view restarted after some records."""
    log = sorted((Record(one.of, one.values, one.at, one.known, i) for i, one in enumerate(log)), key=lambda one: one.place)
    row = Row(ASKED, candidate, round(watermark * SECOND), round(watermark * SECOND))
    made = plan(Browse, Item, features)
    seen = [record for record in log if record.known < row.watermark]
    view = OnlineView(made)
    view.apply(batch(seen[:restart]))
    if restart is not None:
        view = restore(made, snapshot(view))
        view.apply(batch(seen[restart:]))
    served = view.lookup(features, decisions(Browse, [row]), row.watermark)
    again = backfill(made, features, row_columns(Browse, [row]), history(log))
    oracle = Oracle(Browse, Item, log)
    for one in features:
        expected = oracle.value(one, row)
        for found in (served[one.column].tolist()[0], again[one.column].tolist()[0]):
            assert same(found, expected), f"{one.column}: {found!r} is not {expected!r}"
    return [served[one.column].tolist()[0] for one in features]


def test_the_instant_of_the_watermark_is_not_seen():
    features = [count(Look, per=Item, **WINDOW), last(Look.cents, per=Item), streak(Look.bought, per=Item), since(Look, per=Item)]
    assert both(features, [look(0, cents=5), look(7, cents=6, bought=False)], 7) == [1, 5.0, 1, 7.0]


def test_a_request_does_not_see_itself():
    asked = count(Order, per=Person, **WINDOW)
    order = Record(Order, {"id": "o", "at": 5, "person": "p", "device": None, "cents": 1}, 5, 5)
    row = Row({"id": "o", "person": "p", "device": None, "cents": 1}, None, 5, 5)
    made = plan(Order, None, [asked])
    assert backfill(made, [asked], row_columns(Order, [row]), history([order]))[asked.column].tolist() == [0]
    assert OnlineView(made).lookup([asked], decisions(Order, [row]), 5)[asked.column].tolist() == [0]


@pytest.mark.parametrize(("watermark", "expected"), [(12.9, 2), (13, 1), (15.9, 1), (16, 0)])
def test_an_event_exactly_at_the_hop_counts_until_the_tail_has_passed_it(watermark, expected):
    features = [count(Look, per=Item, **WINDOW), total(Look.cents, per=Item, **WINDOW), streak(Look.bought, per=Item, **WINDOW)]
    assert both(features, [look(2.999999), look(3)], watermark) == [expected] * 3


def test_what_has_no_events_is_zero_for_sums_and_missing_for_all_else():
    zero = [
        count(Look, per=Item, **WINDOW),
        total(Look.seconds, per=Item, **WINDOW),
        decayed(Look, per=Item, half_life="1s", **WINDOW),
        streak(Look.bought, per=Item, **WINDOW),
        distinct(Look.note, per=Item, exact=0, **WINDOW),
    ]
    values = (mean, minimum, maximum, last, first, variance, deviation, median)
    missing = [
        *(one(Look.seconds, per=Item, **WINDOW) for one in values),
        *last_k(Look.seconds, 2, per=Item, **WINDOW),
        *top_k(Look.seconds, 2, per=Item, **WINDOW),
        since(Look, per=Item, **WINDOW),
        ratio(zero[0], zero[0]),
        velocity(Look, per=Item, over=("3s", "10s")),
    ]
    for log in ([], [look(0)], [look(0), look(50)]):
        found = both([*zero, *missing], log, 40)
        assert found[: len(zero)] == [0] * len(zero)
        assert all(map(math.isnan, found[len(zero) :]))


def test_ties_are_in_the_order_of_the_log_however_it_is_read():
    ties = [look(1, position=i, note=note, bought=note != "b") for i, note in enumerate("abc")]
    features = [last(Look.note, per=Item), first(Look.note, per=Item), *last_k(Look.note, 2, per=Item), streak(Look.bought, per=Item)]
    features += top_k(Look.note, 2, per=Item, over="ever")
    expected = both(features, ties, 2)
    assert expected == ["c", "a", "c", "b", 1, "a", "b"]
    row = row_columns(Browse, [Row(ASKED, "i", 2 * SECOND, 0)])
    for order in ([2, 0, 1], [1, 2, 0]):
        shuffled = backfill(plan(Browse, Item, features), features, row, history([ties[i] for i in order]))
        assert [shuffled[one.column].tolist()[0] for one in features] == expected


def test_a_late_event_is_the_last_known_but_not_the_latest_that_happened():
    features = [last(Look.cents, per=Item), first(Look.cents, per=Item), since(Look, per=Item), streak(Look.bought, per=Item)]
    assert both(features, [look(6, cents=1), look(2, known=7, cents=2, bought=False)], 8) == [2.0, 1.0, 2.0, 0]


def test_a_correction_in_a_pair_undoes_what_it_corrects_from_when_it_is_known_and_leaves_the_window_with_it():
    """What was 1e16 for one item was 3 for another: the one with its sign turned and the other, known later, of the same instant."""
    sold = [total(Look.seconds, per=Look.item, over="10s", hop=hop) for hop in ("3s", "1s")]
    wrong = [look(4, seconds=1e16), look(5, seconds=1.0), look(5, item="j", seconds=2.0)]
    pair = [look(4, known=7, seconds=-1e16), look(4, known=7, item="j", seconds=3.0)]
    for watermark, here, there in ((7, 1e16, 2.0), (7.5, 1.0, 5.0), (13, 1.0, 5.0), (14.5, 1.0, 5.0), (18, 0.0, 0.0)):
        assert both(sold, [*wrong, *pair], watermark)[0] == here
        assert both(sold, [*wrong, *pair], watermark, candidate="j")[0] == there
    assert both(sold, [*wrong, *pair], 15) == [1.0, 1.0]
    assert both(sold, [*wrong, *pair], 15, candidate="j") == [5.0, 2.0], "by a hop of a second both halves have left"
    assert both(sold, [*wrong, *pair], 13, restart=3) == [1.0, 1.0], "with a restart between the record and its correction"


def test_a_key_that_was_corrected_moves_what_comes_and_nothing_that_came():
    """An item changes hands between two looks at it, and word of a third comes late: it counts for who is known to have it then."""
    mine = count(Look, per=Item.maker, over="ever")
    log = [owned(0, "i", "m"), owned(0, "j", "n"), look(1), owned(2, "i", "n"), look(3), look(1, known=4)]
    assert both([mine], log, 1.5) == [1]
    assert both([mine], log, 2.5) == [0], "the item is asked about, and its maker now is another one"
    assert both([mine], log, 5) == [2]
    assert both([mine], log, 5, candidate="j") == [2]


def test_a_late_event_that_leaves_early_takes_its_break_of_a_streak_along():
    run = [look(6), look(1, known=7, bought=False), look(8)]
    runs = [streak(Look.bought, per=Item, **WINDOW), *last_k(Look.cents, 3, per=Item, **WINDOW)]
    assert both(runs, run, 9)[0] == 1
    assert both(runs, run, 14)[:3] == [2, 1.0, 1.0]
    assert both(runs, run, 14, restart=2)[0] == 2


def test_two_windows_that_share_a_hop_are_two_windows():
    features = [one(Look.seconds, per=Item, over=over, hop="2s") for one in (total, variance, first) for over in ("4s", "8s")]
    assert both(features, [look(1, seconds=1.0), look(6, seconds=2.0), look(7, seconds=4.0)], 8) == [6.0, 7.0, 1.0, 14 / 9, 2.0, 1.0]


def test_reading_again_changes_nothing():
    features = [
        *(one(Look.seconds, per=Item, **WINDOW) for one in (total, mean, minimum, last, first, variance)),
        *last_k(Look.seconds, 3, per=Item, **WINDOW),
        streak(Look.bought, per=Item, **WINDOW),
        decayed(Look.seconds, per=Item, half_life="2s", **WINDOW),
        *(quantile(Look.seconds, 0.4, per=Item, exact=exact, **WINDOW) for exact in (0, 9)),
        *top_k(Look.seconds, 2, per=Item, **WINDOW),
        distinct(Look.seconds, per=Item, exact=1, **WINDOW),
    ]
    view = OnlineView(plan(Browse, Item, features))
    view.apply(batch([look(1, position=0), look(2, position=1, seconds=3.0)]))
    d = decisions(Browse, [Row(ASKED, "i", 3 * SECOND, 0)])
    once = view.lookup(features, d, 3 * SECOND)
    kept = {name: column.copy() for name, column in once.items()}
    for column in once.values():
        column[:] = -1
    for name, column in view.lookup(features, d, 3 * SECOND).items():
        np.testing.assert_array_equal(column, kept[name])


def test_duplicate_rows_keep_their_order_and_rows_without_a_key_their_place():
    features = [count(Look, per=Item, over="1h"), variance(Look.seconds, per=Item, over="1h"), first(Look.note, per=Item, default="-")]
    log = [look(1, position=0, item="i"), look(2, position=1, item="j", seconds=3.0, note="b"), look(3, position=2, item="i", seconds=5.0)]
    candidates = ["i", None, "j", "i", "nowhere", "i"]
    rows = [Row(ASKED, one, 4 * SECOND, 0) for one in candidates]
    made = plan(Browse, Item, features)
    view = OnlineView(made)
    view.apply(batch(log))
    requests = {name: objects([value]) for name, value in ASKED.items()} | {"at": np.zeros(1, dtype=np.int64)}
    d = Decisions(requests, {"request": np.zeros(6, dtype=np.int64), "candidate": objects(candidates)})
    for found in (view.lookup(features, d, 4 * SECOND), backfill(made, features, row_columns(Browse, rows), history(log))):
        assert found[features[0].column].tolist() == [2, 0, 1, 2, 0, 2]
        np.testing.assert_array_equal(found[features[1].column], [4, np.nan, 0, 4, np.nan, 4])
        assert found[features[2].column].tolist() == ["a", "-", "b", "a", "-", "a"]


def test_instants_before_1970_are_instants():
    features = [
        count(Look, per=Item, **WINDOW),
        since(Look, per=Item, **WINDOW),
        decayed(Look.cents, per=Item, half_life="2s", **WINDOW),
        first(Look.cents, per=Item, **WINDOW),
    ]
    log = [look(-100, cents=9), look(-20, cents=1), look(-18, cents=4), look(-16, cents=8)]
    assert both(features, log, -14) == [3, 2.0, 4 + 1 + 1 / 8, 1.0]
    assert both(features, [*log, look(-1), look(1)], 1.5)[0] == 2


def test_sums_of_1e16_and_1_lose_nothing_and_cancel_exactly():
    features = [one(Look.seconds, per=Item, **WINDOW) for one in (total, mean, variance)]
    log = [look(0, seconds=1e16), look(4, seconds=1.0), look(5, seconds=1e16), look(6, seconds=-1e16)]
    assert both(features, log[1:], 7)[0] == 1.0
    assert both(features, log, 14) == [1.0, 1 / 3, pytest.approx(2e32 / 3 - 1 / 9, rel=1e-12)]
    near = [look(0, seconds=1e16), look(1, seconds=1e16 + 2), look(2, seconds=1e16 + 4)]
    spread = [features[2], deviation(Look.seconds, per=Item, **WINDOW)]
    assert both(spread, near, 3) == pytest.approx([8 / 3, (8 / 3) ** 0.5], rel=1e-12)


def test_a_restart_between_snapshot_and_replay_changes_nothing():
    features = [
        *(one(Look.seconds, per=Item, **WINDOW) for one in (total, mean, minimum, last, first, variance)),
        *last_k(Look.note, 3, per=Item, **WINDOW),
        *last_k(Look.seconds, 2, per=Item),
        *(streak(Look.bought, per=Item, **over) for over in (WINDOW, {"over": "ever"})),
        *(variance(Look.seconds, per=Item, over=over) for over in ("5s", "ever")),
        decayed(Look.seconds, per=Item, half_life="2s", **WINDOW),
        since(Look, per=Item),
        *(quantile(Look.seconds, 0.4, per=Item, exact=3, **over) for over in (WINDOW, {"over": "ever"})),
        *(distinct(Look.seconds, per=Item, exact=exact, **over) for exact in (3, 99) for over in (WINDOW, {"over": "ever"})),
        *(top for over in (WINDOW, {"over": "ever"}) for top in top_k(Look.note, 2, per=Item, **over)),
    ]
    log = [look(i / 2, known=i / 2 + (i % 3), seconds=0.1 * i, note="abc"[i % 3], bought=i % 4 != 1) for i in range(16)]
    for watermark in (6.0, 12.5, 17.0):
        whole = both(features, log, watermark)
        for restart in (0, 5, 11):
            assert str(both(features, log, watermark, restart)) == str(whole)


def test_what_is_decayed_does_not_drift_over_years():
    seconds = decayed(Look.seconds, per=Item, half_life="1h", over="2d")
    view = OnlineView(plan(Browse, Item, [seconds]))
    d = decisions(Browse, [Row(ASKED, "i", 0, 0)])
    for year in range(40):
        start = year * 365 * DAY / SECOND
        log = [look(start + i * 977, seconds=(-1) ** i * 10.0 ** (i % 17), position=100 * year + i) for i in range(30)]
        view.apply(batch(log))
        watermark = log[-1].known + 1
        expected = math.fsum(one.values["seconds"] * 2 ** ((one.at - watermark) / 3_600e6) for one in log)
        assert view.lookup([seconds], d, watermark)[seconds.column][0] == pytest.approx(expected, rel=1e-9)
    assert view.lookup([seconds], d, watermark + 4 * DAY)[seconds.column].tolist() == [0.0]


def test_a_default_that_stands_in_is_counted_per_feature():
    plays, usual = count(Look, per=Item, **WINDOW), mean(Look.seconds, per=Item, default=2.0, **WINDOW)
    bare = mean(Look.cents, per=Item, **WINDOW)
    share = ratio(plays, plays, default=0.5)
    mine = last(Look.note, per=Person, default="-")
    features = [plays, usual, bare, share, mine]
    view = OnlineView(plan(Browse, Item, features))
    view.apply(batch([look(1)]))
    requests = {name: objects([value, "nobody"]) for name, value in ASKED.items()} | {"at": np.zeros(2, dtype=np.int64)}
    rows = {"request": np.array([0, 0, 0, 1]), "candidate": objects(["i", "j", "k", "i"])}
    found = view.lookup(features, Decisions(requests, rows), 2 * SECOND)
    assert found[usual.column].tolist() == [1.0, 2.0, 2.0, 1.0]
    assert found[share.column].tolist() == [1.0, 0.5, 0.5, 1.0]
    assert view.defaults_used.counts == {usual.column: 2, share.column: 2, mine.column: 1}
    view.lookup(features, Decisions(requests, rows), 2 * SECOND)
    assert view.defaults_used.counts[usual.column] == 4


def test_top_of_what_changes_with_time_is_as_of_the_watermark():
    waited, faded = since(Look, per=Item), decayed(Look, per=Item, half_life="2s", over="10s")
    view = OnlineView(plan(Browse, Item, [waited, faded]))
    view.apply(batch([look(1, item="i", position=0), look(3, item="j", position=1)]))
    assert [column.tolist() for column in view.top(waited, 2, 5 * SECOND)] == [["i", "j"], [4.0, 2.0]]
    assert [column.tolist() for column in view.top(waited, 2, 6 * SECOND)] == [["i", "j"], [5.0, 3.0]]
    assert view.top(faded, 1, 7 * SECOND)[1][0] == pytest.approx(0.25)
    assert view.top(faded, 1, 9 * SECOND)[1][0] == pytest.approx(0.125)
