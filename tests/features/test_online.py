from datetime import datetime

import numpy as np
import pytest

from millrace.decision import Decisions
from millrace.errors import BadInput, Conflict, DeclarationError, NotFound
from millrace.features.declare import count, feature, last, maximum, mean, minimum, total
from millrace.features.online import OnlineView
from millrace.features.plan import plan
from millrace.features.snapshot import restore, snapshot
from millrace.schema import Entity, Event, Ref, Request
from millrace.types import HOUR, MINUTE, SECOND, Columns, objects


class Channel(Entity):
    logo: bytes


class Clip(Entity):
    channel: Ref[Channel]
    topic: str
    born: datetime


class User(Entity):
    city: str


class Play(Event):
    user: Ref[User]
    clip: Ref[Clip]
    seconds: float


class Home(Request):
    user: Ref[User]


class Sharing(Event):
    user: Ref[User]
    words: str


hour = {"over": "1h"}
plays = count(Play, per=Clip, **hour)


def played(*rows: tuple[str, str, float, int], position: int = 100) -> Columns:
    """Return plays as (user, clip, seconds, known); they happened when they became known."""
    users, clips, seconds, known = zip(*rows, strict=True)
    at = np.array(known, dtype=np.int64)
    return {
        "id": objects(f"e{i}" for i in range(len(rows))),
        "user": objects(users),
        "clip": objects(clips),
        "seconds": np.array(seconds),
        "at": at,
        "known": at,
        "position": position + np.arange(len(rows)),
    }


def clips(*rows: tuple[str, str, str, int], known: int = -HOUR) -> Columns:
    """Return clips as (id, channel, topic, born)."""
    ids, channels, topics, born = zip(*rows, strict=True)
    at = np.full(len(rows), known)
    return {
        "id": objects(ids),
        "channel": objects(channels),
        "topic": objects(topics),
        "born": np.array(born),
        "at": at,
        "known": at,
        "position": np.arange(len(rows)),
    }


def shown(*candidates: str, user: str = "u1", at: int = 0) -> Decisions:
    requests = {"id": objects(["r"]), "user": objects([user]), "at": np.array([at])}
    return Decisions(requests, {"request": np.zeros(len(candidates), dtype=np.int64), "candidate": objects(candidates)})


def view_of(*features) -> OnlineView:
    return OnlineView(plan(Home, Clip, features))


def values(view: OnlineView, feature, d: Decisions, watermark: int) -> list:
    return view.lookup([feature], d, watermark)[feature.column].tolist()


def test_an_event_counts_from_the_instant_after_it_is_known_until_the_tail_of_the_window_passes_it():
    view = view_of(plays)
    view.apply({"Play": played(("u1", "a", 1.0, 30 * SECOND))})
    leaves = HOUR + MINUTE
    assert values(view, plays, shown("a"), 30 * SECOND + 1) == [1]
    assert values(view, plays, shown("a"), leaves - 1) == [1]
    assert values(view, plays, shown("a"), leaves) == [0]


def test_an_event_that_happened_before_the_window_of_its_first_watermark_is_not_kept():
    view = view_of(plays)
    late = played(("u1", "a", 1.0, 2 * HOUR)) | {"at": np.array([0])}
    view.apply({"Play": late})
    assert values(view, plays, shown("a"), 2 * HOUR + 1) == [0]
    assert view.state(plays_state(view)).next_change > 10**18


def plays_state(view: OnlineView):
    return view.plan.reads[plays.column].states[0]


def test_an_event_a_few_minutes_ahead_of_its_acknowledgement_counts_at_once():
    view = view_of(plays)
    view.apply({"Play": played(("u1", "a", 1.0, 0)) | {"at": np.array([5 * MINUTE])}})
    assert values(view, plays, shown("a"), 1) == [1]
    assert values(view, plays, shown("a"), HOUR + 6 * MINUTE - 1) == [1]
    assert values(view, plays, shown("a"), HOUR + 6 * MINUTE) == [0]


def test_a_small_sum_is_exact_after_a_large_one_has_left_the_window():
    seconds = total(Play.seconds, per=Clip, over="1h")
    view = view_of(seconds)
    view.apply({"Play": played(("u1", "a", 1e17, 0), ("u1", "a", 0.1, HOUR))})
    assert values(view, seconds, shown("a"), HOUR + 1) == [1e17]
    assert values(view, seconds, shown("a"), HOUR + 2 * MINUTE) == [0.1]


def test_a_sum_that_came_and_went_a_thousand_times_is_zero():
    seconds = total(Play.seconds, per=Clip, over="1m")
    view = view_of(seconds)
    for i in range(1000):
        view.apply({"Play": played(("u1", "a", 0.1 * i, i * MINUTE), ("u1", "a", 1e9 / (i + 1), i * MINUTE + 1), position=2 * i)})
    assert values(view, seconds, shown("a"), 1002 * MINUTE) == [0.0]


def test_extremes_and_the_latest_fall_back_to_what_remains_in_the_window():
    least, most, newest = (op(Play.seconds, per=Clip, **hour) for op in (minimum, maximum, last))
    view = view_of(least, most, newest)
    late = played(("u1", "a", 5.0, 50 * MINUTE), ("u1", "a", 9.0, 51 * MINUTE), ("u1", "a", 1.0, 52 * MINUTE))
    view.apply({"Play": late | {"at": np.array([50, 0, 1]) * MINUTE}})
    seen = [values(view, one, shown("a"), 53 * MINUTE)[0] for one in (least, most, newest)]
    left = [values(view, one, shown("a"), 63 * MINUTE)[0] for one in (least, most, newest)]
    gone = [values(view, one, shown("a"), 3 * HOUR)[0] for one in (least, most, newest)]
    assert (seen, left) == ([1.0, 9.0, 1.0], [5.0, 5.0, 5.0])
    assert np.isnan(gone).all()


def test_the_latest_of_what_remains_is_that_of_the_last_batch():
    newest = last(Play.seconds, per=Clip, **hour)
    view = view_of(newest)
    view.apply({"Play": played(("u1", "a", 5.0, 50 * MINUTE), ("u1", "a", 7.0, 51 * MINUTE)) | {"at": np.array([0, 40]) * MINUTE}})
    view.apply({"Play": played(("u1", "a", 9.0, 52 * MINUTE), position=102) | {"at": np.array([39 * MINUTE])}})
    assert values(view, newest, shown("a"), 62 * MINUTE) == [9.0]


def test_an_attribute_is_read_as_known_when_the_event_was_and_a_later_change_does_not_move_it():
    per_topic = count(Play, per=Clip.topic, **hour)
    view = view_of(per_topic)
    view.apply({"Clip": clips(("a", "c", "news", 0), ("b", "c", "sport", 0))})
    view.apply({"Play": played(("u1", "a", 1.0, 1)), "Clip": clips(("a", "c", "sport", 0), known=2) | {"position": np.array([200])}})
    assert values(view, per_topic, shown("a", "b"), 3) == [0, 0]
    view.apply({"Clip": clips(("a", "c", "news", 0), known=4) | {"position": np.array([201])}})
    assert values(view, per_topic, shown("a", "b"), 5) == [1, 0]


def test_unknown_ids_have_the_defaults_and_leave_no_trace():
    taste = mean(Play.seconds, per=(User, Clip.topic), **hour)
    view = view_of(plays, taste, Clip.topic)
    view.apply({"Clip": clips(("a", "c", "news", 0)), "Play": played(("u1", "a", 1.0, 1))})
    before, footprint = snapshot(view), view.footprint
    for i in range(50):
        found = view.lookup([plays, taste, Clip.topic], shown(f"nobody{i}", user=f"nobody{i}"), 2)
        assert found[plays.column].tolist() == [0]
        assert np.isnan(found[taste.column]).all()
        assert found["Clip.topic"].tolist() == [None]
    after = snapshot(view)
    assert view.footprint == footprint
    for name in before:
        if name != "header":
            np.testing.assert_array_equal(before[name], after[name])


def test_what_a_lookup_returns_is_the_callers_to_change():
    view = view_of(plays, Clip.topic)
    view.apply({"Clip": clips(("a", "c", "news", 0)), "Play": played(("u1", "a", 1.0, 1))})
    for column in view.lookup([plays, Clip.topic], shown("a"), 2).values():
        column[:] = 0
    assert values(view, plays, shown("a"), 2) == [1]
    assert values(view, Clip.topic, shown("a"), 2) == ["news"]


def test_what_depends_on_the_request_alone_is_computed_once_per_request():
    mine = count(Play, per=User, **hour)

    @feature(mine)
    def rows_met(mine):
        return len(mine)

    @feature(mine, plays)
    def both_met(mine, plays):
        return len(mine) + plays

    view = view_of(rows_met, both_met)
    view.apply({"Play": played(("u1", "a", 1.0, 1), ("u1", "b", 1.0, 2), ("u2", "a", 1.0, 3))})
    requests = {"id": objects(["r", "s"]), "user": objects(["u1", "u2"]), "at": np.zeros(2, dtype=np.int64)}
    d = Decisions(requests, {"request": np.array([0, 0, 0, 1]), "candidate": objects(["a", "b", "z", "a"])})
    found = view.lookup([mine, rows_met, both_met], d, 4)
    assert found[mine.column].tolist() == [2, 2, 2, 1]
    assert found[rows_met.column].tolist() == [2, 2, 2, 2]
    assert found[both_met.column].tolist() == [6, 5, 4, 6]


def test_time_does_not_go_back():
    view = view_of(plays)
    view.apply({"Play": played(("u1", "a", 1.0, 10))})
    with pytest.raises(Conflict, match="stands at 11 and cannot be read as of 10"):
        view.lookup([plays], shown("a"), 10)
    view.advance(20)
    with pytest.raises(Conflict, match="stands at 20"):
        view.lookup([plays], shown("a"), 19)
    with pytest.raises(BadInput, match="known at 15 comes after the view was read as of 20"):
        view.apply({"Play": played(("u1", "a", 1.0, 15), position=101)})
    assert values(view, plays, shown("a"), 20) == [1]


@pytest.mark.parametrize("second", [(5, 101), (10, 100), (10, 99)])
def test_records_out_of_order_are_refused_and_change_nothing(second):
    known, position = second
    view = view_of(plays)
    view.apply({"Play": played(("u1", "a", 1.0, 10), position=100)})
    with pytest.raises(BadInput, match="comes after one known at 10: apply the log in its order"):
        view.apply({"Play": played(("u1", "a", 1.0, known), position=position)})
    disorderly = played(("u1", "a", 1.0, 30), ("u1", "a", 1.0, 20), position=102)
    with pytest.raises(BadInput, match="not in order of \\(known, position\\)"):
        view.apply({"Play": disorderly})
    assert values(view, plays, shown("a"), 50) == [1]
    assert (view.position, view.last_known) == (100, 10)


def test_rows_of_one_record_may_share_its_place_in_the_log():
    view = view_of(plays)
    one_decision = played(("u1", "a", 1.0, 10), ("u1", "b", 1.0, 10)) | {"position": np.array([100, 100])}
    view.apply({"Play": one_decision})
    assert values(view, plays, shown("a", "b"), 11) == [1, 1]


def test_records_of_one_instant_may_come_in_several_batches():
    newest = last(Play.seconds, per=Clip)
    view = view_of(plays, newest)
    for position in range(3):
        view.apply({"Play": played(("u1", "a", float(position), 10), position=position)})
    assert values(view, plays, shown("a"), 11) == [3]
    assert values(view, newest, shown("a"), 11) == [2.0]


def test_streams_no_feature_reads_only_move_the_position():
    view = view_of(plays)
    view.apply({"Sharing": {"id": objects(["s"]), "at": np.array([7]), "known": np.array([7]), "position": np.array([3])}})
    assert (view.position, view.last_known) == (3, 7)
    view.apply({})
    assert view.position == 3


def test_a_missing_column_is_named():
    records = {name: column for name, column in played(("u1", "a", 1.0, 1)).items() if name != "clip"}
    with pytest.raises(BadInput, match="rows of Play have no column 'clip'"):
        view_of(plays).apply({"Play": records})


def test_a_feature_that_was_not_planned_is_refused():
    other = count(Play, per=User, **hour)
    with pytest.raises(NotFound, match="not among the features"):
        view_of(plays).lookup([other], shown("a"), 0)
    with pytest.raises(NotFound, match="not among the features"):
        view_of(plays).top(other, 1, 0)


def test_top_gives_the_greatest_positive_values_with_ties_by_id():
    view = view_of(plays)
    rows = [("u1", clip, 1.0, i) for i, clip in enumerate("caabbbd")]
    view.apply({"Play": played(*rows)})
    ids, found = view.top(plays, 3, 10)
    assert (ids.tolist(), found.tolist()) == (["b", "a", "c"], [3, 2, 1])
    assert view.top(plays, 99, 10)[0].tolist() == ["b", "a", "c", "d"]
    assert view.top(plays, 2, 3 * HOUR)[0].tolist() == []


def test_top_ranks_means_too_and_refuses_text_and_joint_keys():
    watched = mean(Play.seconds, per=Clip, **hour)
    text = last(Play.user, per=Clip, **hour)
    joint = count(Play, per=(User, Clip), **hour)
    view = view_of(watched, text, joint)
    view.apply({"Play": played(("u1", "a", 1.0, 1), ("u1", "b", 3.0, 2), ("u1", "c", -3.0, 3))})
    assert view.top(watched, 9, 4)[0].tolist() == ["b", "a"]
    with pytest.raises(DeclarationError, match="is text"):
        view.top(text, 9, 4)
    with pytest.raises(DeclarationError, match="several keys together"):
        view.top(joint, 9, 4)


def test_newest_gives_what_was_born_last_but_not_after_the_watermark():
    view = view_of(Clip.born)
    view.apply({"Clip": clips(("a", "c", "t", 5), ("d", "c", "t", 7), ("b", "c", "t", 7), ("e", "c", "t", 90))})
    assert view.newest(Clip.born, 2, 50).tolist() == ["b", "d"]
    assert view.newest(Clip.born, 1, 50).tolist() == ["b"]
    assert view.newest(Clip.born, 9, 90).tolist() == ["e", "b", "d", "a"]
    view.apply({"Clip": clips(("a", "c", "t", 91), known=95) | {"position": np.array([9])}})
    assert view.newest(Clip.born, 2, 96).tolist() == ["a", "e"]


def test_having_gives_the_entities_with_an_attribute_ordered_by_id():
    view = view_of(Clip.channel)
    view.apply({"Clip": clips(("b", "x", "t", 0), ("a", "x", "t", 0), ("c", "y", "t", 0))})
    where, ids = view.having(Clip.channel, objects(["y", "nowhere", "x", None]))
    assert (where.tolist(), ids.tolist()) == ([0, 2, 2], ["c", "a", "b"])
    with pytest.raises(NotFound, match=r"does not keep Clip.topic"):
        view.having(Clip.topic, objects(["t"]))


def test_known_ids_are_those_told_about_not_those_merely_referred_to():
    view = view_of(Clip.channel, plays)
    view.apply({"Clip": clips(("a", "x", "t", 0))})
    view.apply({"Play": played(("u1", "ghost", 1.0, 1))})
    assert view.known_ids(Clip).tolist() == ["a"]
    with pytest.raises(NotFound, match="keeps no attribute of User"):
        view.known_ids(User)


def test_a_snapshot_is_plain_arrays_and_fits_only_the_features_it_was_made_for():
    text = last(Play.user, per=Clip)
    view = view_of(plays, text, Clip.topic, Channel.logo)
    told = {"id": objects(["x"]), "logo": objects([b"\xff\x00"]), "at": np.zeros(1), "known": np.array([-5]), "position": np.array([50])}
    view.apply({"Clip": clips(("a", "x", "news ✓", 0)), "Channel": told, "Play": played(("u1", "a", 1.0, 1))})
    saved = snapshot(view)
    assert {column.dtype.kind for column in saved.values()} <= set("iufb")
    again = restore(view.plan, saved)
    assert again.standing == view.standing
    assert values(again, text, shown("a"), 2) == ["u1"]
    assert values(again, Clip.topic, shown("a"), 2) == ["news ✓"]
    assert values(again, Channel.logo, shown("a"), 2) == [b"\xff\x00"]
    with pytest.raises(Conflict, match="made for other features"):
        restore(plan(Home, Clip, [plays]), saved)
    with pytest.raises(Conflict, match="made for other features"):
        restore(view.plan, {name: column for name, column in saved.items() if name != "header"})


def test_the_footprint_names_every_state():
    view = view_of(plays, Clip.topic)
    assert set(view.plan.states) < set(view.footprint)
    assert all(size > 0 for name, size in view.footprint.items() if not name.startswith("slots"))
