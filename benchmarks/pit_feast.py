"""Feast's side of `pit-peer`: a point-in-time join by its local provider; runs in Feast's own environment.

Prints one line of JSON for each offline store: its name, Feast's version and the best seconds of three; the joined rows go to Parquet.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType, __version__
from feast.types import Float64

RUNS = 3


def store(folder: Path, engine: str) -> FeatureStore:
    """Return a feature store with one view: the latest amount of a card, however old."""
    home = folder / engine
    home.mkdir()
    config = RepoConfig(
        project="peer",
        provider="local",
        registry=str(home / "registry.db"),
        offline_store={"type": engine},
        online_store={"type": "sqlite", "path": str(home / "online.db")},
        entity_key_serialization_version=3,
    )
    card = Entity(name="card", join_keys=["card"], value_type=ValueType.STRING)
    source = FileSource(path=str(folder / "events.parquet"), timestamp_field="event_timestamp")
    view = FeatureView(name="pays", entities=[card], ttl=timedelta(0), schema=[Field(name="amount", dtype=Float64)], source=source)
    made = FeatureStore(config=config)
    made.apply([card, view])
    return made


def main(folder: Path) -> None:
    """Join the rows of `rows.parquet` to `events.parquet` with each offline store that reads files."""
    rows = pd.read_parquet(folder / "rows.parquet")
    for engine in ("dask", "duckdb"):
        feast = store(folder, engine)
        took = []
        for _ in range(RUNS):
            start = time.perf_counter()
            joined = feast.get_historical_features(entity_df=rows, features=["pays:amount"]).to_arrow()
            took.append(time.perf_counter() - start)
        pq.write_table(joined, folder / f"{engine}.parquet")
        print(json.dumps({"engine": engine, "version": __version__, "seconds": min(took)}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # its libraries warn of each other
    main(Path(sys.argv[1]))
