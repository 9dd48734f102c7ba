"""A local folder comes before the network, and without either the message says what to do."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

from millrace.datasets.dataset import DataSet, Raw, Remote
from millrace.datasets.loading import VARIABLE, load
from millrace.datasets.registry import data_set
from millrace.datasets.table import Column
from millrace.errors import BadInput, NotFound, Unavailable
from millrace.log.kinds import Integer


def unpack(files: Sequence[bytes]) -> Raw:
    header, *lines = csv.reader(StringIO(files[0].decode()))
    return {"sales": dict(zip(header, map(list, zip(*lines, strict=True)), strict=True))}


@pytest.fixture
def shop(tmp_path, monkeypatch) -> DataSet:
    """Return a data set of two rows that lies at a local address."""
    monkeypatch.delenv(VARIABLE, raising=False)
    source = tmp_path / "sales.csv"
    source.write_text("who,many\na,1\nb,two\n")
    return replace(
        data_set("msweb"),
        name="shop",
        tables={"sales": {"who": Column("a customer", key=True), "many": Column("how many", Integer())}},
        remotes=(Remote(source.as_uri(), 1, 1000),),
        unpack=unpack,
        rows={"sales": 2},
    )


def kept(folder: Path) -> Path:
    (folder / "shop").mkdir(parents=True)
    write_table(pa.table({"who": ["local"], "many": [3]}), folder / "shop" / "sales.parquet")
    return folder


def test_without_a_folder_the_file_is_downloaded_and_its_bad_rows_set_aside(shop):
    table = load(shop)["sales"]
    assert (table.rows["who"].tolist(), table.reasons()) == (["a"], {"many: not a whole number of 64 bits": 1})


def test_folder_given_comes_before_the_network(shop, tmp_path):
    assert load(shop, kept(tmp_path / "data"))["sales"].rows["who"].tolist() == ["local"]


def test_folder_of_the_environment_is_found(shop, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(kept(tmp_path / "data")))
    assert load(shop)["sales"].rows["who"].tolist() == ["local"]


def test_data_set_that_the_folder_lacks_is_downloaded(shop, tmp_path):
    (tmp_path / "data").mkdir()
    assert load(shop, tmp_path / "data")["sales"].rows["who"].tolist() == ["a"]


def test_folder_that_does_not_exist_is_named(shop, monkeypatch):
    monkeypatch.setenv(VARIABLE, "nowhere")
    with pytest.raises(NotFound, match=f"nowhere is not a folder: {VARIABLE} names"):
        load(shop)


def test_without_a_network_the_message_says_where_to_put_the_files(shop):
    offline = replace(shop, remotes=(Remote("http://127.0.0.1:1/sales.csv", 1, 1000),))
    with pytest.raises(
        Unavailable, match=r"shop: http://127.0.0.1:1/sales.csv cannot be reached.*put its Parquet files into <folder>/shop"
    ):
        load(offline)


def test_source_that_has_changed_is_refused(shop):
    with pytest.raises(BadInput, match="sales has 2 rows and had 5 when this was written"):
        load(replace(shop, rows={"sales": 5}))


def test_progress_is_told(shop, tmp_path):
    told = []
    load(shop, kept(tmp_path / "data"), lambda what, share: told.append((what, share)))
    assert told == [("sales", 0.0), ("read", 1.0)]
