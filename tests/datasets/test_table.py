"""Rows that can be read are typed; all others are set aside, each with its number and reason."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

from millrace.datasets.table import Column, read_parquet, typed
from millrace.errors import BadInput
from millrace.log.kinds import Instant, Integer, Number

COLUMNS = {
    "who": Column("a customer", key=True),
    "many": Column("how many", Integer()),
    "price": Column("in pounds", Number(), optional=True),
}
RAW = {"who": ["a", "", "c", "d"], "many": ["1", "2", "few", "4"], "price": ["1.5", "2", "3", None], "noise": ["x"] * 4}


def test_row_with_a_wrong_value_is_set_aside_with_its_number_and_reason():
    table = typed("sales", COLUMNS, RAW)
    assert table.rows["who"].tolist() == ["a", "d"]
    assert table.number.tolist() == [1, 4]
    assert table.aside["number"].tolist() == [2, 3]
    assert table.aside["reason"].tolist() == ["who: missing", "many: not a whole number of 64 bits"]


def test_columns_have_the_types_of_the_log_and_only_those_wanted():
    rows = typed("sales", COLUMNS, RAW).rows
    assert {name: column.dtype for name, column in rows.items()} == {"who": object, "many": np.int64, "price": np.float64}
    assert np.isnan(rows["price"][1])


def test_missing_column_is_named_with_those_there_are():
    with pytest.raises(BadInput, match="sales has no column 'many': it has who"):
        typed("sales", COLUMNS, {"who": ["a"]})


def test_rows_left_out_later_join_those_set_aside():
    table = typed("sales", COLUMNS, RAW).without("too dear", np.array([False, True]))
    assert table.number.tolist() == [1]
    assert table.aside["number"].tolist() == [2, 3, 4]
    assert table.reasons() == {"who: missing": 1, "many: not a whole number of 64 bits": 1, "too dear": 1}
    assert table.without("nothing", np.array([False])) is table


def test_parquet_is_read_as_it_is_typed(tmp_path):
    at = pa.array(np.array(["2010-06-01T12:00", "2010-12-01T12:00"], dtype="datetime64[us]"))
    path = tmp_path / "lines.parquet"
    write_table(pa.table({"at": at, "who": pa.array([12345, None], pa.int32()), "other": [1, 2]}), path)
    table = read_parquet(path, {"at": Column("when", Instant()), "who": Column("a customer", optional=True, key=True)}, "Europe/London")
    assert (table.rows["at"][1] - table.rows["at"][0]) / 3.6e9 == 183 * 24 + 1  # an hour more: summer time ends in between
    assert table.rows["who"].tolist() == ["12345", None]


def test_file_that_is_no_parquet_is_named(tmp_path):
    path = tmp_path / "lines.parquet"
    with pytest.raises(BadInput, match=r"lines\.parquet cannot be read"):
        read_parquet(path, COLUMNS)
    path.write_text("who,many\n")
    with pytest.raises(BadInput, match=r"lines\.parquet cannot be read"):
        read_parquet(path, COLUMNS)
