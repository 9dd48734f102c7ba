"""Graphs of nets worked out by hand, and the refusal of any other graph."""

from itertools import pairwise

import numpy as np
import pytest
from onnx import TensorProto, helper, load_model_from_string
from onnx.reference import ReferenceEvaluator

from millrace.errors import BadInput
from millrace.models.net_graph import BLOCK, Layer, in_float32, in_int8
from millrace.models.net_running import runner

LAYERS = [
    Layer(np.array([[1.0, -2.0], [0.5, 1.0]], np.float32), np.array([0.25, 0.0], np.float32)),
    Layer(np.array([[2.0], [-1.0]], np.float32), np.array([0.5], np.float32)),
]
ROWS = np.array([[1.0, 1.0], [-1.0, 0.5], [0.0, 0.0]], np.float32)
"""Hidden: (1.75, -1 → 0), (-0.5 → 0, 2.5), (0.25, 0); scores: 2·1.75 + 0.5, -2.5 + 0.5, 2·0.25 + 0.5."""
SCORES = [4.0, -2.0, 1.0]


def net(sizes, seed=0):
    g = np.random.default_rng(seed)
    return [Layer(g.normal(size=pair).astype(np.float32), g.normal(size=pair[1]).astype(np.float32)) for pair in pairwise(sizes)]


def by_hand(layers, rows):
    values = rows.astype(np.float64)
    for i, layer in enumerate(layers):
        values = values @ layer.weights + layer.bias
        values = values if i == len(layers) - 1 else np.maximum(values, 0)
    return values[:, 0]


def test_small_net_in_float32():
    assert runner(in_float32(LAYERS), 2)(ROWS).tolist() == SCORES


def test_small_net_in_whole_numbers():
    """One layer: the inputs reach to 2 and 8, so their steps are 2/127 and 8/127; the weights times those are 0.5·8/127 for the larger.

    In units of a 127th of that, the weights are 1·2/127 → 63.5, to even 64, and 127. What the half takes from training rows of 127 steps,
    63.5 units, the bias gives back. The row (1, -4) is 63.5 → 64 and -63.5 → -64 steps: 64·64 - 64·127 units. The row (9, 0) is cut
    off at 127 steps. A training row is as exact as its inputs.
    """
    layers = [Layer(np.array([[1.0], [0.5]], np.float32), np.array([0.25], np.float32))]
    rows = np.array([[2.0, 8.0], [2.0, 8.0]], np.float32)
    scores = runner(in_int8(layers, rows), 2)(np.array([[1, -4], [9, 0], [0, 0], [2, 8]], np.float32))
    sums, unit = np.array([64 * 64 - 64 * 127, 127 * 64, 0, 127 * 64 + 127 * 127]) - 63.5, 4 / 127 / 127
    np.testing.assert_allclose(scores, sums * unit + 0.25, rtol=1e-6)
    assert scores[3] == 6.25


@pytest.mark.parametrize("sizes", [(12, 1), (12, 5, 1), (12, 32, 16, 1)])
def test_graphs_mean_what_the_standard_says(sizes):
    """ONNX's reference implementation, operator by operator in NumPy, comes to the same."""
    layers, rows = net(sizes), np.random.default_rng(1).normal(size=(BLOCK, 12)).astype(np.float32)
    for model in (in_float32(layers), in_int8(layers, rows)):
        [expected] = ReferenceEvaluator(load_model_from_string(model)).run(None, {"rows": rows})
        np.testing.assert_allclose(runner(model, 12)(rows), expected[:, 0], rtol=1e-5, atol=1e-5)


def test_whole_numbers_are_near_the_net_they_stand_for():
    layers, rows = net([12, 32, 16, 1]), np.random.default_rng(1).uniform(-1, 1, (500, 12)).astype(np.float32)
    expected = by_hand(layers, rows)
    np.testing.assert_allclose(runner(in_float32(layers), 12)(rows), expected, rtol=1e-4, atol=1e-4)
    assert np.abs(runner(in_int8(layers, rows), 12)(rows) - expected).mean() < 0.02 * expected.std()


def test_sums_as_large_as_whole_numbers_allow_are_exact():
    """All inputs and weights at their ends, where sums of mixed signs are cut off on some processors."""
    layers = [Layer(np.ones((400, 1), np.float32), np.zeros(1, np.float32))]
    rows = np.ones((3, 400), np.float32) * np.array([[1], [-1], [0.5]], np.float32)
    scores = runner(in_int8(layers, rows), 400)(rows)
    np.testing.assert_allclose(scores, [400, -400, 400 * 64 / 127], rtol=1e-6)


@pytest.mark.parametrize("make", [in_float32, lambda layers: in_int8(layers, np.ones((4, 30), np.float32))])
def test_place_in_a_block_does_not_matter(make):
    run, row = runner(make(net([30, 64, 32, 1])), 30), np.random.default_rng(2).normal(size=(1, 30)).astype(np.float32)
    others = np.random.default_rng(3).normal(size=(2 * BLOCK + 7, 30)).astype(np.float32)
    alone = run(row)[0]
    for place in range(len(others)):
        among = others.copy()
        among[place] = row
        assert run(among)[place] == alone


def test_no_rows_have_no_scores():
    assert runner(in_float32(LAYERS), 2)(np.empty((0, 2), np.float32)).tolist() == []


def test_columns_that_are_always_zero_have_a_step_all_the_same():
    rows = np.array([[0.0, 1.0], [0.0, -1.0]], np.float32)
    assert np.isfinite(runner(in_int8(LAYERS, rows), 2)(ROWS)).all()


def test_bytes_that_are_no_graph_are_refused():
    for data in (b"", b"not a graph", in_float32(LAYERS)[:-40]):
        with pytest.raises(BadInput, match="not the graph of a net that this learner saves"):
            runner(data, 2)


def test_graph_of_another_width_is_refused():
    with pytest.raises(BadInput, match=r"takes \[64, 2\], and rows have 3 columns"):
        runner(in_float32(LAYERS), 3)


def test_graph_of_other_operators_is_refused():
    model = load_model_from_string(in_float32(LAYERS))
    model.graph.node[1].op_type = "Exp"
    with pytest.raises(BadInput, match="not the graph of a net"):
        runner(model.SerializeToString(), 2)


def test_graph_whose_numbers_lie_in_another_file_is_refused():
    model = load_model_from_string(in_float32(LAYERS))
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    with pytest.raises(BadInput, match="not the graph of a net"):
        runner(model.SerializeToString(), 2)


def test_graph_that_brings_functions_is_refused():
    model = load_model_from_string(in_float32(LAYERS))
    relu = helper.make_node("Relu", ["x"], ["y"])
    model.functions.append(helper.make_function("own", "Gemm", ["x"], ["y"], [relu], [helper.make_opsetid("", 21)]))
    with pytest.raises(BadInput, match="not the graph of a net"):
        runner(model.SerializeToString(), 2)
