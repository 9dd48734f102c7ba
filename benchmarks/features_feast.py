"""Feast's side of `features`: 30 stored numbers per entity from its online store (SQLite); runs in Feast's own environment."""

from __future__ import annotations

import json
import sys
import tempfile
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType, __version__
from feast.types import Float64

FEATURES = [f"f{i}" for i in range(30)]
REQUESTS = 200


def store(folder: Path, videos: int) -> FeatureStore:
    """Return a store whose online side holds 30 numbers of each video."""
    g = np.random.default_rng(0)
    frame = pd.DataFrame({"video": [f"v{i}" for i in range(videos)], "event_timestamp": datetime.now(UTC)})
    frame = frame.assign(**{name: g.normal(size=videos) for name in FEATURES})
    frame.to_parquet(folder / "videos.parquet")
    video = Entity(name="video", join_keys=["video"], value_type=ValueType.STRING)
    source = FileSource(path=str(folder / "videos.parquet"), timestamp_field="event_timestamp")
    fields = [Field(name=name, dtype=Float64) for name in FEATURES]
    view = FeatureView(name="videos", entities=[video], ttl=timedelta(days=30), schema=fields, source=source)
    config = RepoConfig(
        project="peer",
        provider="local",
        registry=str(folder / "registry.db"),
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        entity_key_serialization_version=3,
    )
    feast = FeatureStore(config=config)
    feast.apply([video, view])
    feast.write_to_online_store("videos", frame)
    return feast


def main(videos: int, sizes: list[int]) -> None:
    """Print one line of JSON for each number of candidates: the seconds of each request."""
    g = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as made:
        feast = store(Path(made), videos)
        names = [f"videos:{name}" for name in FEATURES]
        for size in sizes:
            took = []
            for _ in range(REQUESTS):
                asked = [{"video": f"v{i}"} for i in g.choice(videos, size, replace=False)]
                start = time.perf_counter()
                answer = feast.get_online_features(features=names, entity_rows=asked)
                took.append(time.perf_counter() - start)
            values = answer.to_dict()["f0"]
            if len(values) != size or None in values:
                raise SystemExit(f"{values.count(None)} of {size} values are missing: what is measured is not what is meant")
            print(json.dumps({"candidates": size, "version": __version__, "seconds": took}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # its libraries warn of each other
    main(int(sys.argv[1]), [int(size) for size in sys.argv[2:]])
