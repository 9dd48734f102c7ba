"""BentoML's side of `serve`; runs in its own environment, by `bentoml serve serve_bentoml:Risk`."""

import os

import bentoml
import numpy as np
from lightgbm import Booster

BATCHED = os.environ["SERVE_BATCHED"] == "1"


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Risk:
    def __init__(self) -> None:
        self.booster = Booster(model_file=os.environ["SERVE_MODEL"])

    if BATCHED:

        @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)
        def predict(self, rows: list[list[float]]) -> list[float]:
            return self.booster.predict(np.array(rows), num_threads=1).tolist()

    else:

        @bentoml.api
        def predict(self, rows: list[list[float]]) -> list[float]:
            return self.booster.predict(np.array(rows), num_threads=1).tolist()
