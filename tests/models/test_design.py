"""The columns of linear models and nets, sparse and written out."""

import numpy as np

from millrace.models.design import Design
from millrace.models.encoding import Encoding
from millrace.types import objects
from tests.models.learner_laws import mixed


def test_written_out_is_the_sparse_columns_in_float32():
    rows = mixed(240).rows
    design = Design.fit(Encoding.fit(rows, rarest=5, most=100), rows)
    strange = {
        "price": np.array([np.nan, 1e300, -np.inf, 0.5]),
        "count": np.array([10**12, -5, 0, 1]),
        "is_new": np.array([True, False, True, False]),
        "colour": objects(["mauve", None, "", "red"]),
    }
    for some in (rows, strange, {name: column[:0] for name, column in rows.items()}):
        dense = design.dense(some)
        assert dense.dtype == np.float32
        np.testing.assert_array_equal(dense, design.columns(some).toarray().astype(np.float32))
