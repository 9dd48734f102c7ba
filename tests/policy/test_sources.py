"""Sources: what each proposes, by hand in the shop, and what becomes of one that does not answer."""

import numpy as np
import pytest

from millrace import Arms, Fresh, Itself, NoRepeats, Only, Pipeline, Rules, Top, Trending, Weigh
from millrace.errors import DeclarationError, Late
from millrace.types import Columns, size
from tests.laws.shop import GOODS, NOW, Buy, Good, Look, bought, case, fresh, happened, looking, missing, nearby, ranker, sold, trending
from tests.policy.known import known, rows


def proposed(source: object, n: int = 3) -> Columns:
    made = case(Pipeline(source, Top(1)), requests=looking(n))  # type: ignore[arg-type]
    return made.loaded.system.policy.source.propose(made.requests, made.facts())


def candidates(found: Columns) -> list[list[str]]:
    """Return what each request was proposed."""
    return [found["candidate"][found["request"] == place].tolist() for place in range(int(found["request"].max()) + 1)]


def test_trending_is_what_was_bought_most_often_known_by_now() -> None:
    buys = happened()["Buy"]
    window = (buys["known"] < NOW) & (buys["at"] >= NOW - 7 * 24 * 3600 * 1_000_000)
    names, counts = np.unique(buys["good"][window].astype(str), return_counts=True)
    expected = [names[place] for place in np.lexsort((names, -counts))[:6]]
    assert candidates(proposed(trending)) == [expected] * 3


def test_fresh_is_the_newest_that_is_not_still_to_come() -> None:
    goods = happened()["Good"]
    there = goods["known"] < NOW
    latest = dict(zip(goods["id"][there], goods["added_at"][there], strict=True))
    expected = sorted((one for one, at in latest.items() if at <= NOW), key=lambda one: (-latest[one], one))[:5]
    assert "g5" not in expected, "it was put off until later"
    assert candidates(proposed(fresh)) == [expected] * 3


def test_factorized_is_each_askers_own_order() -> None:
    found = candidates(proposed(nearby))
    assert len({tuple(one) for one in found}) == 3
    assert all(len(one) == 6 and set(one) <= set(GOODS) for one in found)


def test_arms_are_all_that_belong_to_what_is_asked_about() -> None:
    found = proposed(Arms(Good.kind, of=Look.kind), 4)
    goods = happened()["Good"]
    kinds = dict(zip(goods["id"][goods["known"] < NOW], goods["kind"][goods["known"] < NOW], strict=True))
    asked = looking(4)["kind"].tolist()
    for place in range(3):
        assert found["candidate"][found["request"] == place].tolist() == sorted(one for one, kind in kinds.items() if kind == asked[place])
    assert 3 not in found["request"], "nothing is of the kind that the stranger asks for"


def test_itself_is_one_row_a_request() -> None:
    found = Itself().propose(looking(3), known())
    assert (found["request"].tolist(), found["candidate"].tolist()) == ([0, 1, 2], looking(3)["id"].tolist())


def test_union_names_the_first_that_proposed_and_repeats_nobody() -> None:
    found = proposed(fresh | trending | nearby)
    alone = {"fresh": proposed(fresh), "trending": proposed(trending), "nearby": proposed(nearby)}
    for place in range(3):
        mine = found["request"] == place
        expected: dict[str, str] = {}
        for name, part in alone.items():
            for one in part["candidate"][part["request"] == place].tolist():
                expected.setdefault(one, name)
        assert dict(zip(found["candidate"][mine], found["source"][mine], strict=True)) == expected
        assert found["candidate"][mine].tolist() == list(expected), "in the order of the sources, best first"
    assert (np.diff(found["request"]) >= 0).all()


def test_union_goes_on_without_one_that_misses_and_is_late_without_any() -> None:
    assert set(proposed(missing | fresh)["source"]) == {"fresh"}
    with pytest.raises(Late, match="no source answered in time: missing"):
        proposed(missing | missing)


def test_unions_of_unions_are_one() -> None:
    assert ((fresh | trending) | nearby).sources == (fresh | (trending | nearby)).sources == (fresh, trending, nearby)


def test_no_source_has_anything_in_an_empty_shop() -> None:
    made = case(Pipeline(fresh | trending, ranker, Weigh({sold: 1.0}), Top(3)))
    empty = {name: {column: values[:0] for column, values in told.items()} for name, told in made.events.items()}
    nothing = type(made)(made.loaded, empty, made.watermark, made.requests, made.installed, made.versions)
    d = nothing.decide(nothing.requests, nothing.facts())
    assert size(d.requests) == 6
    assert size(d.rows) == 0


# ---- stages


def test_rules_score_by_a_feature_and_missing_counts_as_nothing() -> None:
    done = Rules(bought["7d"]).apply(rows(3), known(**{bought["7d"].column: np.array([2.0, np.nan, 1.0])}))
    assert done.rows["score"].tolist() == [2.0, 0.0, 1.0]


def test_weigh_adds_up_what_is_expected() -> None:
    d = rows(2, **{sold.column: np.array([0.5, 0.25])})
    assert Weigh({sold: -2.0}).apply(d, known()).rows["score"].tolist() == [-1.0, -0.5]


def test_no_repeats_leaves_out_what_was_shown() -> None:
    stage = NoRepeats(Look.visitor, Good)
    done = stage.apply(rows(2, 2), known(**{stage.shown.column: np.array([0, 1, 2, 0])}))
    assert done.rows["candidate"].tolist() == ["c0", "c3"]
    assert done.rows["request"].tolist() == [0, 1]


@pytest.mark.parametrize("values", [[1.0, 0.0, np.nan, 2.5, -1.0], [True, False, False, True, False]])
def test_only_what_is_true_of_is_kept_and_nothing_of_which_nobody_told(values) -> None:
    done = Only(bought["7d"]).apply(rows(2, 3), known(**{bought["7d"].column: np.array(values)}))
    assert done.rows["candidate"].tolist() == ["c0", "c3"]
    assert done.rows["request"].tolist() == [0, 1]
    assert Only(Good.added_at).features() == (Good.added_at,)


def test_only_by_no_condition_is_refused() -> None:
    with pytest.raises(DeclarationError, match="not a condition; pass an attribute such as"):
        Only("on_sale")


def test_source_names_what_it_reads_so_that_the_view_keeps_it() -> None:
    assert [one.column for one in Trending(Buy.good, over="1h").features()] == ["count(Buy) per (Buy.good) over 1h by 1m"]
    assert Fresh(Good.added_at).features() == (Good.added_at,)
    assert Arms(Good.kind, of=Look.kind).features() == (Good.kind,)
    assert Itself().features() == ()
