"""Expressions over fields: how they read, what they compute, and what cannot stand in one."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import DeclarationError
from millrace.expressions import Expr
from millrace.schema import Event
from millrace.types import objects


class Watch(Event):
    seconds: float
    views: int
    completed: bool
    topic: str


COLUMNS = {
    "seconds": np.array([0.0, 2.5, -1.0, 40.0]),
    "views": np.array([0, 3, 7, -2]),
    "completed": np.array([True, False, True, False]),
    "topic": objects(["news", "sport", None, "news"]),
}
ROWS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*(column.tolist() for column in COLUMNS.values()), strict=True)]

ADD = {"+": operator.add, "-": operator.sub, "*": operator.mul}
COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}
JOIN = {"&": operator.and_, "|": operator.or_}


def field(name):
    """Return an expression over columns and what it says on one row, in plain Python."""
    return getattr(Watch, name), lambda row: row[name]


def both(operations, left, right):
    def combine(drawn):
        (a, plain_a), (b, plain_b), function = drawn
        return function(a, b), lambda row: function(plain_a(row), plain_b(row))

    return st.tuples(left, right, st.sampled_from(list(operations.values()))).map(combine)


def constants(values):
    return values.map(lambda value: (value, lambda row: value))


WHOLE = st.sampled_from([field("seconds"), field("views")])
NUMBERS = st.recursive(WHOLE, lambda inner: both(ADD, inner, inner | constants(st.integers(-3, 3))), max_leaves=4)
COMPARED = both(COMPARE, NUMBERS, NUMBERS | constants(st.floats(-5, 5)))
CONDITIONS = st.recursive(
    COMPARED | st.just(field("completed")),
    lambda inner: both(JOIN, inner, inner | constants(st.booleans())) | inner.map(lambda one: (~one[0], lambda row: not one[1](row))),
    max_leaves=4,
)


@given(NUMBERS | CONDITIONS)
def test_an_expression_computes_on_columns_what_python_does_row_by_row(drawn):
    expression, plain = drawn
    computed = expression.evaluate(lambda one: COLUMNS[one.name])
    assert computed.tolist() == [plain(row) for row in ROWS]


@given(NUMBERS | CONDITIONS)
def test_an_expression_yields_the_fields_it_reads_from_left_to_right(drawn):
    expression, _ = drawn
    names = [one.name for one in expression.fields()]
    texts = expression.column.replace("(", " ").replace(")", " ").replace("~", " ").split()
    assert names == [text.removeprefix("Watch.") for text in texts if text.startswith("Watch.")]


@given(NUMBERS | CONDITIONS, NUMBERS | CONDITIONS)
def test_expressions_of_one_column_compute_the_same(first, second):
    if first[0].column == second[0].column:
        assert [first[1](row) for row in ROWS] == [second[1](row) for row in ROWS]


@pytest.mark.parametrize(
    ("expression", "column"),
    [
        (Watch.seconds > 3, "(Watch.seconds > 3)"),
        (3 > Watch.seconds, "(Watch.seconds < 3)"),  # noqa: SIM300 - Python turns it round
        (1 + Watch.views, "(1 + Watch.views)"),
        (10 - Watch.views, "(10 - Watch.views)"),
        (2 * Watch.seconds, "(2 * Watch.seconds)"),
        (60 / Watch.seconds, "(60 / Watch.seconds)"),
        (Watch.topic == "news", "(Watch.topic == 'news')"),
        (Watch.topic != "news", "(Watch.topic != 'news')"),
        (~Watch.completed, "~Watch.completed"),
        ((Watch.seconds > 3) & ~Watch.completed, "((Watch.seconds > 3) & ~Watch.completed)"),
        (True & Watch.completed, "(True & Watch.completed)"),
        (False | Watch.completed, "(False | Watch.completed)"),
    ],
)
def test_an_expression_reads_as_it_is_written(expression, column):
    assert expression.column == column
    assert repr(expression) == column


def test_a_text_and_a_number_of_one_spelling_are_told_apart():
    assert (Watch.topic == "1").column != (Watch.topic == 1).column


def test_texts_are_compared_row_by_row_and_a_missing_one_equals_nothing():
    def read(one):
        return COLUMNS[one.name]

    assert (Watch.topic == "news").evaluate(read).tolist() == [True, False, False, True]
    assert (Watch.topic != "news").evaluate(read).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    "use",
    [
        lambda: Watch.completed and Watch.views > 1,
        lambda: Watch.completed or Watch.views > 1,
        lambda: not Watch.completed,
        lambda: 1 < Watch.views < 5,
        lambda: Watch.topic in ("news", "sport"),
        lambda: 1 if Watch.completed else 0,
    ],
    ids=["and", "or", "not", "a chain", "in", "if"],
)
def test_python_cannot_ask_an_expression_whether_it_is_true(use):
    with pytest.raises(
        DeclarationError, match=r"neither true nor false while the module is read: join conditions as in \(a > 1\) & \(b < 2\)"
    ):
        use()


@pytest.mark.parametrize(
    "use",
    [
        lambda: Watch.seconds < 5 & Watch.completed,
        lambda: Watch.completed & 3,
        lambda: 5 | Watch.completed,
        lambda: Watch.completed | "news",
    ],
)
def test_a_comparison_without_brackets_is_refused(use):
    with pytest.raises(DeclarationError, match=r"is no condition: . binds tighter than a comparison, so write"):
        use()


@pytest.mark.parametrize("constant", [None, [1, 2], np.array([1, 2]), Watch, object()])
def test_what_is_no_constant_is_refused(constant):
    with pytest.raises(DeclarationError, match="cannot stand in an expression"):
        Expr("==", Watch.views, constant)


def test_an_expression_can_be_a_key():
    condition = Watch.seconds > 3
    assert {condition: "long"}[condition] == "long"
    assert len({condition, Watch.seconds > 3}) == 2


def test_truth_values_count_as_numbers_when_they_are_added() -> None:
    both = (Watch.seconds > 1) + (Watch.seconds > 2)
    values = both.evaluate(lambda _field: np.array([0.5, 1.5, 2.5]))
    assert values.tolist() == [0, 1, 2]
    less = (Watch.seconds > 1) - (Watch.seconds > 2)
    assert less.evaluate(lambda _field: np.array([0.5, 1.5, 2.5])).tolist() == [0, 1, 0]
