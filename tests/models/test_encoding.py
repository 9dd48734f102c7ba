import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.models.encoding import Encoding, Feature
from millrace.types import objects

COLOURS = objects(["red", "blue", "red", None, "green", "blue", "red"])


def naive(column, categories):
    """What a column should become, a value at a time."""
    if column.dtype.kind != "O":
        return [float(value) for value in column]
    return [float(categories.index(value)) if value in categories else np.nan for value in column]


def test_categories_are_ranked_by_frequency_and_the_rare_are_missing():
    encoding = Encoding.fit({"colour": COLOURS}, rarest=2, most=10)
    assert encoding.features == (Feature("colour", "category", ("red", "blue")),)
    np.testing.assert_array_equal(encoding.matrix({"colour": COLOURS})[:, 0], [0, 1, 0, np.nan, np.nan, 1, 0])


def test_equally_frequent_categories_are_ranked_by_name():
    assert Encoding.fit({"c": objects(["b", "a", "c"])}, rarest=1, most=2).features[0].categories == ("a", "b")


@given(st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=1), st.lists(st.sampled_from(["a", "b", "x", None])))
def test_matrix_is_what_a_value_at_a_time_gives(seen, served):
    n = len(served)
    encoding = Encoding.fit({"c": objects(seen), "i": np.arange(len(seen)), "b": np.ones(len(seen), bool)}, rarest=2, most=2)
    rows = {"b": np.arange(n) % 2 == 0, "c": objects(served), "i": np.linspace(0, 1, n)}
    columns = [naive(rows[feature.name], feature.categories) for feature in encoding.features]
    np.testing.assert_array_equal(encoding.matrix(rows), np.array(columns).T.reshape(n, 3))


def test_encoding_survives_json():
    encoding = Encoding.fit({"c": COLOURS, "x": np.zeros(7)}, rarest=1, most=10)
    assert msgspec.json.decode(msgspec.json.encode(encoding), type=Encoding) == encoding


def test_whole_numbers_may_be_served_where_fractions_were_seen():
    encoding = Encoding.fit({"x": np.array([0.5, np.nan])}, rarest=1, most=1)
    assert encoding.matrix({"x": np.array([3, 4])}).tolist() == [[3.0], [4.0]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "feature 'x' is missing, and this version was trained on one number per row: serve the declaration"),
        ({"x": objects(["1"])}, "feature 'x' is a column of category values, and this version was trained on one number"),
        ({"x": np.array([True])}, "feature 'x' is a column of boolean values, and this version was trained on one number"),
        ({"x": np.zeros((1, 2))}, r"feature 'x' is an array of shape \(1, 2\), and this version was trained on one number"),
    ],
)
def test_column_missing_or_of_another_kind_is_refused(rows, message):
    encoding = Encoding.fit({"x": np.zeros(3)}, rarest=1, most=1)
    with pytest.raises(BadInput, match=message) as refused:
        encoding.matrix(rows)
    assert refused.value.field == "x"


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.zeros((3, 2)), r"feature 'x' is an array of shape \(3, 2\): a feature is one number, boolean or text per row"),
        (np.zeros(3, dtype=complex), "feature 'x' is a column of complex128 values"),
        (objects(["a", 3, "b"]), "feature 'x' holds 3: a column of objects holds text, or None"),
    ],
)
def test_column_that_is_no_feature_is_refused(column, message):
    with pytest.raises(BadInput, match=message):
        Encoding.fit({"x": column}, rarest=1, most=1)


def test_examples_without_a_feature_are_refused():
    with pytest.raises(BadInput, match="the examples hold no feature"):
        Encoding.fit({}, rarest=1, most=1)
