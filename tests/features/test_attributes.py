from datetime import datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.features.attributes import Moments, Table, Versions, as_attribute
from millrace.features.interning import Interner
from millrace.features.values import NOT_A_TIME
from millrace.schema import Entity, Field, Ref
from millrace.types import objects


class Maker(Entity):
    country: str


class Item(Entity):
    maker: Ref[Maker] | None
    stock: int
    sold: bool
    born: datetime | None


records = st.lists(st.tuples(st.integers(1, 3), st.integers(-3, 3)), min_size=1, max_size=12)
moments = st.lists(st.tuples(st.integers(0, 4), st.integers(-4, 4), st.integers(-1, 12)), max_size=12)


def ints(values):
    return np.array(values, dtype=np.int64)


@given(records, moments, st.randoms(use_true_random=False))
def test_the_version_known_at_a_moment_is_the_last_one_strictly_before_it(records, moments, chance):
    position = list(range(len(records)))
    chance.shuffle(position)
    codes, known = ints([code for code, _ in records]), ints([known for _, known in records])
    versions = Versions(codes, Moments(known, ints(position)))
    found = versions.known_at(ints([m[0] for m in moments]), Moments(ints([m[1] for m in moments]), ints([m[2] for m in moments])))
    for (code, *moment), record in zip(moments, found.tolist(), strict=True):
        before = [(known[i], position[i], i) for i in range(len(records)) if codes[i] == code and (known[i], position[i]) < tuple(moment)]
        assert record == (max(before)[2] if before else -1)
    latest = {int(codes[i]): i for i in sorted(range(len(records)), key=lambda i: (known[i], position[i]))}
    assert sorted(versions.latest().tolist()) == sorted(latest.values())


def item_table():
    interners = {"Item": Interner(), "Maker": Interner()}
    fields = tuple(Field(Item, name) for name in ("maker", "stock", "sold", "born"))
    return interners, Table(fields, interners["Item"], {"maker": interners["Maker"]})


def told(*rows):
    """Return records as (id, maker, stock, sold, born, known)."""
    ids, makers, stock, sold, born, known = zip(*rows, strict=True)
    times = {"known": ints(known), "at": ints(known), "position": np.arange(len(rows))}
    return {"id": objects(ids), "maker": objects(makers), "stock": ints(stock), "sold": np.array(sold), "born": ints(born)} | times


def test_a_staged_batch_is_read_by_moment_and_what_was_committed_before_it():
    interners, table = item_table()
    table.stage(told(("i", "m", 1, False, 5, 10)))
    table.commit()
    table.stage(told(("i", None, 2, True, NOT_A_TIME, 20)))
    i = interners["Item"].lookup(objects(["i", "i", "i", "nobody"]))
    at = table.locate(i, Moments.before(ints([15, 20, 21, 99])))
    assert table.values("maker", at).tolist() == ["m", "m", None, None]
    assert table.values("stock", at).tolist()[:3] == [1.0, 1.0, 2.0]
    assert np.isnan(table.values("stock", at)[3])
    assert table.codes("maker", at).tolist() == [1, 1, 0, 0]
    now = table.locate(i, None)
    assert table.values("maker", now).tolist() == ["m", "m", "m", None]
    table.commit()
    assert np.isnan(table.values("born", table.locate(i[:1], None))).all()
    assert table.entities.tolist() == [1]


def test_attributes_that_are_not_text_are_floats_with_nan_for_missing():
    assert as_attribute(Item.sold, np.array([True, False])).tolist() == [1.0, 0.0]
    assert str(as_attribute(Item.born, ints([7, NOT_A_TIME])).tolist()) == "[7.0, nan]"
    assert as_attribute(Item.maker, objects(["m", None])).tolist() == ["m", None]


def test_a_table_grows_with_its_domain():
    interners, table = item_table()
    table.stage(told(("i", "m", 1, False, 5, 10)))
    table.commit()
    codes = interners["Item"].intern(objects(f"other{n}" for n in range(100)))
    assert table.values("maker", table.locate(codes, None)).tolist() == [None] * 100
    assert table.column("maker").tolist() == [None, "m"] + [None] * 100
