"""A shop for every test that wants one."""

import pytest

from tests.cli.shop import Shop, opened


@pytest.fixture
def shop(tmp_path, monkeypatch, capsys) -> Shop:
    return opened(tmp_path, monkeypatch, capsys)


@pytest.fixture
def stocked(shop) -> Shop:
    """A shop whose history has been imported."""
    shop.bring_history()
    return shop
