"""Every data set says where it comes from and what may be done with it, and fits the system it is for."""

import pytest

from millrace.datasets.registry import DATA_SETS, data_set
from millrace.errors import NotFound
from millrace.loading import load


@pytest.mark.parametrize("one", DATA_SETS, ids=lambda one: one.name)
def test_data_set_states_licence_source_and_every_column(one):
    assert one.licence
    assert one.source.startswith("https://")
    assert "https://doi.org/" in one.citation
    assert all(remote.url.startswith("https://") and 0 < remote.least <= remote.most for remote in one.remotes)
    assert all(column.meaning for columns in one.tables.values() for column in columns.values())
    assert set(one.rows) <= set(one.tables)


@pytest.mark.parametrize("one", DATA_SETS, ids=lambda one: one.name)
def test_system_of_a_data_set_loads_without_a_warning(one):
    loaded = load(one.system)
    assert loaded.warnings == ()
    assert one.system.endswith(f".{loaded.name}")


def test_unknown_name_lists_what_there_is():
    with pytest.raises(NotFound, match="'movies': choose msweb, "):
        data_set("movies")
