"""`products` on the invoices of a real shop: imported, trained, and asked for the half of each basket that was kept back."""

import numpy as np
import pytest

from millrace.log.importing import import_file
from millrace.log.log import Log
from millrace.systems.products import Add
from tests.datasets.real import by_name, folder_of, real, sample, tried


def test_products_beat_popularity_on_a_sample_of_the_baskets(tmp_path):
    chosen, tables = real("online_retail_year1")
    said, [figures] = tried(chosen, {**tables, "lines": sample(tables["lines"], "invoice", 0.1)}, tmp_path)
    products, others = by_name(figures)
    assert figures.cases > 150
    assert products.value >= 0.15
    assert others["popularity"].ahead_low > 0.07
    assert said.set_aside["lines"]["a cancellation"] > 300


@pytest.mark.slow
def test_products_beat_both_simple_answers_on_all_baskets(tmp_path):
    _, [figures] = tried(*real("online_retail_year1"), tmp_path)
    products, others = by_name(figures)
    assert figures.cases > 1500
    assert products.value >= 0.3
    assert others["popularity"].ahead_low > 0.2
    assert others["item–item co-occurrence"].ahead_low > 0.03


@pytest.mark.slow
def test_half_a_million_rows_are_imported_once(tmp_path):
    """Also the shop's file as it is: its columns mapped, its local times read as British."""
    chosen, tables = real("online_retail_year1")
    lines = tables["lines"]
    path = folder_of(chosen.name) / "lines.parquet"
    mapping = {"basket": "invoice", "product": "stock_code", "customer": "customer_id", "at": "invoice_ts", "price": "unit_price"}
    with Log.open(tmp_path, [Add]) as log:
        first = import_file(log, Add, path, mapping, timezone=chosen.zone)
        again = import_file(log, Add, path, mapping, timezone=chosen.zone)
        assert (first.added, first.rejected) == (len(lines.number), {})
        assert (again.added, again.duplicates) == (0, first.added)
        assert np.array_equal(np.sort(log.read(Add, ["at"])["at"]), np.sort(lines.rows["invoice_ts"]))
