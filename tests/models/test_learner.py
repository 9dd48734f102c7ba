import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.models.learner import Examples


def examples(n=4, **changed):
    columns = {"rows": {"x": np.arange(n)}, "labels": {"y": np.zeros(n)}, "weight": np.ones(n), "group": np.arange(n), "at": np.arange(n)}
    return Examples(**{**columns, **changed})


def test_part_takes_the_same_rows_of_every_column():
    part = examples().part(np.array([1, 3]))
    assert len(part) == 2
    for column in (part.rows["x"], part.group, part.at):
        assert column.tolist() == [1, 3]


def test_examples_may_be_empty():
    assert len(examples(0)) == 0


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"rows": {"x": np.arange(3)}}, "x"),
        ({"labels": {"y": np.zeros(5)}}, "y"),
        ({"at": np.arange(3)}, "at"),
        ({"weight": np.array([1, -1, 1, 1])}, "weight"),
        ({"weight": np.array([1, np.nan, 1, 1])}, "weight"),
        ({"group": np.array([1, 2, 1, 1])}, "group"),
    ],
)
def test_examples_that_contradict_themselves_are_refused(changed, field):
    with pytest.raises(BadInput) as refused:
        examples(**changed)
    assert refused.value.field == field
