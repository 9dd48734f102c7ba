"""Coordinates and likenesses: the same offline and online, missing where nothing is known, and each value encoded once."""

import numpy as np
import pytest

from millrace.decision import Decisions
from millrace.errors import DeclarationError
from millrace.features.declare import feature
from millrace.features.encoded import Encoding, encoded, similar
from millrace.features.encoders import Hashing
from millrace.features.offline import backfill
from millrace.features.online import OnlineView
from millrace.features.plan import plan
from millrace.schema import Entity, Ref, Request
from millrace.types import objects


class Passage(Entity):
    text: str
    picture: bytes | None = None
    number: int = 0


class Person(Entity):
    bio: str | None = None


class Search(Request):
    person: Ref[Person]
    text: str


class Brightness:
    """An encoder of images written by a user: the mean of the bytes and how many there are."""

    kind = "bytes"
    column = "brightness"
    dimensions = 2

    def __init__(self) -> None:
        self.asked: list[int] = []

    def encode(self, values):
        self.asked.append(len(values))
        return np.array([[np.frombuffer(one, np.uint8).mean(), len(one)] for one in values.tolist()], dtype=np.float32)


class Wrong(Brightness):
    def encode(self, values):
        return np.zeros(3)


PASSAGES = {
    "id": objects(["p1", "p2", "p3"]),
    "text": objects(["cats and dogs", "rain in spring", "…"]),
    "picture": objects([b"\x00\x02", None, b"\x09" * 500]),
    "number": np.zeros(3, dtype=np.int64),
    "at": np.zeros(3, dtype=np.int64),
    "known": np.arange(3),
    "position": np.arange(3),
}
PEOPLE = {"id": objects(["a"]), "bio": objects(["likes cats"]), "at": np.array([3]), "known": np.array([3]), "position": np.array([3])}
HISTORY = {Passage: PASSAGES, Person: PEOPLE}
ASKED = {"id": objects(["q", "r"]), "at": np.array([9, 9]), "person": objects(["a", "nobody"]), "text": objects(["dogs", "rain spring"])}
ROWS = {"request": np.array([0, 0, 0, 1, 1]), "candidate": objects(["p1", "p2", "p3", "p2", "p9"])}


def both(features) -> dict:
    """Return features as the online view serves them, once they were shown to equal those made offline."""
    planned = plan(Search, Passage, features)
    view = OnlineView(planned)
    batch = {owner.__name__: HISTORY[owner] for owner in planned.streams}
    view.apply(batch)
    served = view.lookup(features, Decisions(ASKED, ROWS), 10)
    rows = {name: column[ROWS["request"]] for name, column in ASKED.items()}
    rows |= {"candidate": ROWS["candidate"], "watermark": np.full(5, 10)}
    again = backfill(planned, features, rows, lambda owner, _: HISTORY[owner])
    for column, values in served.items():
        np.testing.assert_array_equal(values, again[column], column)
    return served


def test_coordinates_are_the_encoders_and_missing_where_the_field_is() -> None:
    by = Hashing(8)
    family = encoded(Passage.text, by=by)
    served = both(list(family))
    found = np.stack([served[one.column] for one in family], axis=1)
    np.testing.assert_array_equal(found[:3], by.encode(PASSAGES["text"]))
    np.testing.assert_array_equal(found[3], found[1])
    assert np.isnan(found[4]).all()
    assert [family[3].column, family[3]] == ["hashing(8, 1)(Passage.text)[3]", list(family)[3]]


def test_a_field_of_the_asker_is_encoded_as_known_and_once_per_request() -> None:
    served = both(list(encoded(Person.bio, by=Hashing(4))))
    for values in served.values():
        assert len(set(values[:3].tolist())) == 1
        assert np.isnan(values[3:]).all()


def test_a_likeness_is_the_cosine_and_missing_without_words() -> None:
    by = Hashing(1024)
    one = similar(Search.text, Passage.text, by=by)
    values = both([one])[one.column]
    left, right = by.encode(ASKED["text"]).astype(float), by.encode(PASSAGES["text"]).astype(float)
    np.testing.assert_allclose(values[[0, 1, 3]], [left[0] @ right[0], left[0] @ right[1], left[1] @ right[1]], rtol=1e-6)
    assert values[0] > 0.5 > 0.1 > values[1]
    assert np.isnan(values[[2, 4]]).all()


def test_a_likeness_of_rows_that_are_all_alike_is_one_per_row() -> None:
    one = similar(Search.text, Passage.text, by=Hashing(64))
    words = objects(["rain in spring"] * 3)
    np.testing.assert_allclose(one.function(words, words), [1, 1, 1], rtol=1e-12)
    assert np.isnan(one.function(words, objects([None] * 3))).all()
    assert one.function(words[:1], words[:1]).shape == (1,)


def test_an_encoder_of_images_written_by_a_user_works() -> None:
    family = encoded(Passage.picture, by=Brightness())
    served = both(list(family))
    np.testing.assert_array_equal(served[family[0].column], [1, np.nan, 9, np.nan, np.nan])
    np.testing.assert_array_equal(served[family[1].column], [2, np.nan, 500, np.nan, np.nan])


def test_every_distinct_value_is_encoded_once_over_batches() -> None:
    by = Brightness()
    encoding = Encoding(by)
    batch = objects([b"a", None, b"b", b"a", b"long" * 99])
    places, vectors = encoding.of(batch)
    assert places.tolist() == [0, 3, 1, 0, 2]
    assert np.isnan(vectors[3]).all()
    encoding.of(batch)
    again, more = encoding.of(objects([b"long" * 99, b"c"]))
    np.testing.assert_array_equal(more[again[0]], vectors[2])
    encoding.of(objects([None]))
    encoding.of(objects([]))
    assert by.asked == [3, 1]


def test_what_is_remembered_is_bounded_and_forgetting_changes_nothing(monkeypatch) -> None:
    monkeypatch.setattr("millrace.features.encoded._REMEMBERED", 3)
    encoding, by = Encoding(Hashing(4)), Hashing(4)
    g = np.random.default_rng(0)
    for n in (2, 5, 1, 3, 3):
        words = objects(f"w{number}" for number in g.integers(0, 6, n))
        places, vectors = encoding.of(words)
        np.testing.assert_array_equal(vectors[places], by.encode(words))
        assert len(encoding._vectors) <= 3


def test_a_function_may_be_made_of_a_likeness() -> None:
    alike = similar(Search.text, Passage.text, by=Hashing(1024))

    @feature(alike)
    def is_near(alike):
        return alike > 0.4

    assert both([is_near])[is_near.column].tolist() == [True, False, False, True, False]


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: encoded(Passage.number, by=Hashing(4)), r"encoded\(Passage.number\): Passage.number is not a field of text"),
        (lambda: encoded(Passage.picture, by=Hashing(4)), "not a field of text, which hashing"),
        (lambda: encoded(Passage.text, by=Hashing), "by=Hashing is no encoder"),
        (lambda: similar(Search.text, Passage, by=Hashing(4)), "Passage is not a field of text"),
        (lambda: encoded(Passage.text, by=Hashing(3))[3], r"this family has no \[3\]: pick among \[0\], \[1\], \[2\]"),
    ],
)
def test_what_cannot_be_encoded_is_refused(make, said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        make()


def test_an_encoder_that_returns_something_else_is_named() -> None:
    with pytest.raises(DeclarationError, match=r"brightness.encode\(\) returned an array of shape \(3,\) for 1 values of 2 dimensions"):
        Encoding(Wrong()).of(objects([b"a"]))
