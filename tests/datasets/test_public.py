"""`millrace data` without a name lists what there is; with a wrong one it says so."""

import pytest

from millrace.cli.public import public
from millrace.errors import NotFound


def test_list_names_every_data_set_with_its_licence(tmp_path, capsys):
    public("", tmp_path)
    said = capsys.readouterr().out
    for word in ("msweb", "online_retail_year1", "uci_credit_default", "millrace.systems.pages", "CC BY 4.0", "MILLRACE_DATA"):
        assert word in said
    assert list(tmp_path.iterdir()) == []


def test_unknown_data_set_leaves_nothing_behind(tmp_path):
    with pytest.raises(NotFound, match="movies"):
        public("movies", tmp_path / "home")
    assert list(tmp_path.iterdir()) == []
