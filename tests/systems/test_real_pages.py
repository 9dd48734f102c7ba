"""`pages` on the areas of a site that real visitors went to: imported, trained, and asked for the visit that was kept back."""

import pytest

from tests.datasets.real import by_name, real, sample, tried


def test_pages_beat_popularity_on_a_sample_of_the_visitors(tmp_path):
    chosen, tables = real("msweb")
    some = {name: table if name == "items" else sample(table, "user_id", 0.2) for name, table in tables.items()}
    said, [figures] = tried(chosen, some, tmp_path)
    pages, others = by_name(figures)
    assert (figures.metric, said.imported["Page"]) == ("hit@10", 294)
    assert figures.cases > 500
    assert pages.value >= 0.70
    assert others["popularity"].ahead_low > 0.03


@pytest.mark.slow
def test_pages_beat_both_simple_answers_on_all_visitors(tmp_path):
    _, [figures] = tried(*real("msweb"), tmp_path)
    pages, others = by_name(figures)
    assert figures.cases == 3453
    assert pages.value >= 0.76
    assert others["popularity"].ahead_low > 0.1
    assert (others["item–item co-occurrence"].ahead or 0) > 0
