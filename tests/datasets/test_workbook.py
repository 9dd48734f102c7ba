"""Workbooks are read cell by cell, gaps included."""

import numpy as np
import pytest

from millrace.datasets.workbook import instants, rows
from millrace.errors import BadInput
from tests.datasets.workbooks import workbook

SHEET = [["Invoice", "Price"], ["A & B", 1.5], [None, 2.0], ["last"]]


def test_cells_come_in_their_places():
    assert list(rows(workbook("Year", SHEET), "Year")) == [["Invoice", "Price"], ["A & B", 1.5], [None, 2.0], ["last"]]


def test_sheet_without_rows_has_none():
    assert list(rows(workbook("Year", SHEET), "Empty")) == []


def test_unknown_sheet_is_refused_with_those_there_are():
    with pytest.raises(BadInput, match="no sheet 'Month': it has Empty, Year"):
        list(rows(workbook("Year", SHEET), "Month"))


def test_what_is_no_workbook_is_refused():
    with pytest.raises(BadInput, match="no Excel workbook"):
        list(rows(b"who,many", "Year"))


def test_serial_numbers_are_instants_to_the_second():
    at = np.array(["1970-01-01T00:00:00", "2009-12-01T07:45:00", "2010-11-30T19:35:59"], dtype="datetime64[us]")
    serial = (at - np.datetime64("1899-12-30")) / np.timedelta64(1, "D")
    assert (instants(serial) == at).all()
