"""Online Retail: its workbook, what is no sale, and a trial that cannot see what it asks for."""

from io import BytesIO
from zipfile import ZipFile

import pytest

from millrace.datasets.registry import data_set
from millrace.datasets.table import typed
from millrace.errors import BadInput
from tests.datasets.workbooks import workbook

RETAIL = data_set("online_retail_year1")
HEADER = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
DAY_ONE = 40148.5  # noon of 1 December 2009


def line(invoice, code, quantity=1.0, day=0.0, price=2.5, name="A CUP", customer=13085.0):
    return [invoice, code, name, quantity, DAY_ONE + day, price, customer, "United Kingdom"]


def tables(*lines):
    archive = BytesIO()
    with ZipFile(archive, "w") as file:
        file.writestr("online_retail_II.xlsx", workbook("Year 2009-2010", [HEADER, *lines]))
    raw = RETAIL.unpack([archive.getvalue()])
    return {name: typed(name, columns, raw[name], RETAIL.zone) for name, columns in RETAIL.tables.items()}


def baskets(count, size, day=0.0):
    """Return baskets that hold the same products, a day apart."""
    return [line(float(500000 + i), float(20000 + j), day=day + i / 10) for i in range(count) for j in range(size)]


def test_workbook_becomes_tables_and_codes_stay_codes():
    found = tables(line(489434.0, 85048.0), line(489434.0, "79323P", name="PINK", price=6.75), line(489435.0, 85048.0, name="THE CUP"))
    lines, products = found["lines"].rows, found["products"].rows
    assert lines["invoice"].tolist() == ["489434", "489434", "489435"]
    assert lines["stock_code"].tolist() == ["85048", "79323P", "85048"]
    assert lines["customer_id"].tolist() == ["13085"] * 3
    assert dict(zip(products["stock_code"].tolist(), products["median_price"].tolist(), strict=True)) == {"79323P": 6.75, "85048": 2.5}


def test_second_year_is_left_out_and_a_line_that_cannot_be_read_is_set_aside():
    found = tables(line(489434.0, 85048.0), line(489435.0, 85048.0, day=365.0), line(489436.0, 85048.0, quantity=1.5))["lines"]
    assert found.rows["invoice"].tolist() == ["489434"]
    assert found.reasons() == {"quantity: not a whole number of 64 bits": 1}


def test_another_workbook_is_refused():
    archive = BytesIO()
    with ZipFile(archive, "w") as file:
        file.writestr("online_retail_II.xlsx", workbook("Year 2009-2010", [["Other"]]))
    with pytest.raises(BadInput, match="does not begin with Invoice"):
        RETAIL.unpack([archive.getvalue()])
    with pytest.raises(BadInput, match="does not hold online_retail_II"):
        RETAIL.unpack([b"no archive"])


def test_what_is_no_sale_of_a_product_is_set_aside_with_its_reason():
    others = [
        line("C489449", 85048.0, quantity=-1.0),
        line("A489450", "B"),
        line(489451.0, "POST"),
        line(489452.0, 85048.0, quantity=-3.0),
        line(489453.0, 85048.0, price=0.0),
    ]
    trial = RETAIL.trial(tables(*baskets(20, 4), *others))
    aside = trial.tables["lines"].aside
    assert [reason.partition(":")[0] for reason in aside["reason"].tolist()] == [
        "a cancellation",
        "an adjustment of accounts",
        "no product",
        "nothing was sold",
        "nothing was paid",
    ]
    assert aside["number"].tolist() == [81, 82, 83, 84, 85]
    assert set(trial.streams["Product"]["id"].tolist()) == {"20000", "20001", "20002", "20003", "85048"}


def test_lines_of_one_product_in_a_basket_are_one():
    trial = RETAIL.trial(
        tables(*baskets(20, 4), line(500000.0, 20000.0, quantity=5.0), line(500001.0, "20000a"), line(500001.0, "20000A "))
    )
    adds = trial.streams["Add"]
    first = [q for b, p, q in zip(adds["basket"], adds["product"], adds["quantity"], strict=True) if (b, p) == ("500000", "20000")]
    assert first == [6]
    assert [p for b, p in zip(adds["basket"], adds["product"], strict=True) if b == "500001"].count("20000A") == 1


def test_half_of_every_late_basket_is_asked_for_and_was_never_seen():
    trial = RETAIL.trial(tables(*baskets(20, 5), line(500100.0, 20000.0, day=100.0)))
    adds, held = trial.streams["Add"], trial.answers.held
    asked = trial.requests["basket"].tolist()
    assert asked == ["500017", "500018", "500019"]  # the last of the 21 baskets is too small to be halved
    seen = set(zip(adds["basket"].tolist(), adds["product"].tolist(), strict=True))
    kept_back = {(asked[request], product) for request, product in zip(held["request"].tolist(), held["candidate"].tolist(), strict=True)}
    assert (len(kept_back), seen & kept_back) == (9, set())
    assert [sum(1 for basket, _ in seen if basket == one) for one in asked] == [2, 2, 2]
    assert "500100" not in adds["basket"]
    assert adds["at"].max() < trial.at
