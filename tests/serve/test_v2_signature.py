"""What a version takes and gives: from what it was trained with, else from what its model declares."""

import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.loading import load
from millrace.models.declare import POSITION
from millrace.models.encoding import Encoding, Feature
from millrace.models.factorization import ALSVersion
from millrace.serve.v2_rows import Rows, columns_of, rows_of
from millrace.serve.v2_signature import Input, Output, Signature, signature
from millrace.serve.v2_wire import Tensor
from millrace.types import objects, size
from tests.serve.tiny import RANK, SCORE


class Guessing:
    """A version that says how sure it is, too, and of what kind a row is; it may not like rows of which nothing is known."""

    def __init__(self, head, encoding=None, fussy=False):
        self.head, self.encoding, self.fussy = head, encoding, fussy

    def score(self, rows):
        n = size(rows)
        if self.fussy:
            raise ValueError("nothing is known")
        quantiles = np.tile([0.1, 0.5, 0.9], (n, 1))
        return {f"{self.head} quantiles": quantiles, self.head: np.ones(n), "kind": objects(["x"] * n)}


def declared(system, name):
    loaded = load(system)
    return loaded, loaded.models[name]


def test_inputs_are_what_the_model_declares_where_the_version_does_not_say():
    loaded, model = declared(SCORE, "risk")
    found = signature(loaded, model, Guessing(model.heads[0]))
    assert [(one.name, one.datatype) for one in found.inputs] == [("payments", "FP64"), ("spent", "FP64"), ("Payment.cents", "INT64")]
    assert [one.column for one in found.inputs] == [one.column for one in model.features]


def test_inputs_are_what_the_version_was_trained_with_where_it_says_so():
    loaded, model = declared(RANK, "ranker")
    columns = [one.column for one in model.features]
    encoding = Encoding((Feature(columns[3], "category", ("toy",)), Feature(columns[0], "boolean"), Feature(POSITION, "number")))
    found = signature(loaded, model, Guessing(model.heads[0], encoding))
    assert [(one.name, one.datatype) for one in found.inputs] == [("Good.kind", "BYTES"), ("bought", "BOOL")]
    assert found.positioned


def test_outputs_are_the_outcomes_by_name_and_whatever_else_the_version_says():
    loaded, model = declared(RANK, "ranker")
    found = signature(loaded, model, Guessing(model.heads[0]))
    assert [(one.name, one.datatype, one.shape) for one in found.outputs] == [
        ("sold", "FP64", (-1,)),
        ("sold quantiles", "FP64", (-1, 3)),
        ("kind", "BYTES", (-1,)),
    ]


def test_outputs_are_the_outcomes_where_the_version_cannot_be_asked():
    loaded, model = declared(RANK, "ranker")
    assert [one.name for one in signature(loaded, model, Guessing(model.heads[0], fussy=True)).outputs] == ["sold"]


# ---- rows

MIXED = Signature(
    (Input("f", "F", "FP64"), Input("t", "T", "BYTES"), Input("i", "I", "INT64"), Input("b", "B", "BOOL")),
    (Output("y", "Y", "FP64", (-1,)),),
    True,
)
PLAIN = Signature((Input("f", "F", "FP64"), Input("g", "G", "FP64")), (), False)


def tensor(name, datatype, shape, values):
    return Tensor(name, datatype, shape, objects(values) if datatype == "BYTES" else np.array(values))


def given(n=2):
    """Return tensors that fit `MIXED`, out of order, one by its column instead of its name."""
    return [
        tensor("b", "BOOL", [n], [True, False][:n]),
        tensor("i", "UINT8", [n, 1], [7, 8][:n]),
        tensor("T", "BYTES", [n], ["x", None][:n]),
        tensor("f", "FP64", [n], [1.5, np.nan][:n]),
    ]


def test_rows_of_several_callers_are_one_batch_of_columns():
    batch = [rows_of(MIXED, given(), 10), rows_of(MIXED, given(1), 10)]
    columns = columns_of(MIXED, batch)
    assert np.array_equal(columns["F"], [1.5, np.nan, 1.5], equal_nan=True)
    assert columns["I"].tolist() == [7.0, 8.0, 7.0]
    assert columns["T"].tolist() == ["x", None, "x"]
    assert (columns["B"].tolist(), columns["B"].dtype) == ([True, False, True], bool)
    assert columns[POSITION].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["features", "input-0"])
@pytest.mark.parametrize("datatype", ["FP64", "INT32"])
def test_matrix_holds_all_numbers_side_by_side(name, datatype):
    rows = rows_of(PLAIN, [tensor(name, datatype, [2, 2], [1, 2, 3, 4])], 10)
    assert columns_of(PLAIN, [rows]).keys() == {"F", "G"}
    assert columns_of(PLAIN, [rows, Rows(rows.numbers[:1], ())])["G"].tolist() == [2.0, 4.0, 2.0]


def test_input_of_that_name_is_not_the_matrix():
    one = Signature((Input("features", "F", "FP64"),), (), False)
    assert rows_of(one, [tensor("features", "FP64", [3], [1.0, 2.0, 3.0])], 10).numbers.tolist() == [[1.0], [2.0], [3.0]]


@pytest.mark.parametrize(
    ("signed", "tensors", "said"),
    [
        pytest.param(MIXED, [], "4 inputs are missing, f, t, i, b", id="nothing"),
        pytest.param(MIXED, given()[:3], "1 inputs are missing, f", id="one missing"),
        pytest.param(MIXED, [*given(), tensor("z", "FP64", [2], [1, 2])], "no input 'z'", id="unknown"),
        pytest.param(MIXED, [*given(), tensor("t", "BYTES", [2], ["", ""])], "'t' is there twice", id="twice, by column and by name"),
        pytest.param(MIXED, [*given()[:3], tensor("f", "FP64", [1], [1])], "first input has 2 rows", id="of unequal length"),
        pytest.param(MIXED, [*given()[:3], tensor("f", "FP64", [1, 2], [1, 2])], "has 2 rows", id="of another shape"),
        pytest.param(
            MIXED, [tensor("b", "BOOL", [1, 2], [True, False]), *given()[1:]], r"\[n\] or \[n, 1\]", id="a first of another shape"
        ),
        pytest.param(MIXED, [tensor("b", "BOOL", [], [True]), *given()[1:]], r"\[n\] or \[n, 1\]", id="of no shape"),
        pytest.param(MIXED, [tensor("b", "BOOL", [0], []), *given()[1:]], "it has 0 rows", id="no rows"),
        pytest.param(MIXED, [tensor("b", "BOOL", [11], [True] * 11), *given()[1:]], "at most 10", id="too many rows"),
        pytest.param(MIXED, [tensor("b", "FP64", [2], [1, 0]), *given()[1:]], "it is BOOL, not FP64", id="a number for a boolean"),
        pytest.param(MIXED, [*given()[:3], tensor("f", "BYTES", [2], ["1", "2"])], "takes numbers", id="text for a number"),
        pytest.param(MIXED, [*given()[:3], tensor("f", "BOOL", [2], [True, True])], "takes numbers", id="a boolean for a number"),
        pytest.param(MIXED, [tensor("features", "FP64", [1, 4], [1, 2, 3, 4])], "t is not a number", id="a matrix where one is text"),
        pytest.param(PLAIN, [tensor("features", "FP64", [1, 3], [1, 2, 3])], r"have \[n, 2\]", id="a matrix too wide"),
        pytest.param(PLAIN, [tensor("features", "FP64", [2], [1, 2])], r"have \[n, 2\]", id="a matrix of one dimension"),
        pytest.param(PLAIN, [tensor("features", "FP64", [11, 2], [0] * 22)], "at most 10", id="a matrix too long"),
        pytest.param(PLAIN, [tensor("features", "BOOL", [1, 2], [True, True])], "takes numbers", id="a matrix of booleans"),
    ],
)
def test_wrong_rows_are_refused_with_a_sentence(signed, tensors, said):
    with pytest.raises(BadInput, match=said):
        rows_of(signed, tensors, 10)


def test_a_retriever_takes_pairs_of_ids():
    system = load("millrace.systems.pages")
    name, model = next((name, one) for name, one in system.models.items() if getattr(one.learner, "recalls", False))
    version = ALSVersion(model.heads[0], objects(["q"]), objects(["c"]), np.ones((2, 3)), np.ones((1, 3)))
    found = signature(system, model, version)
    assert [(one.name, one.datatype) for one in found.inputs][:2] == [("query", "BYTES"), ("candidate", "BYTES")], name
    pairs = [tensor("query", "BYTES", [2], ["q", "r"]), tensor("candidate", "BYTES", [2], ["c", None])]
    assert version.score(columns_of(found, [rows_of(found, pairs, 10)]))[model.heads[0]].tolist() == [3.0, 0.0]
