"""LitServe's side of `serve`; runs in its own environment."""

import sys

import litserve
import numpy as np
from lightgbm import Booster


class Risk(litserve.LitAPI):
    def setup(self, device):
        self.booster = Booster(model_file=sys.argv[1])

    def decode_request(self, request):
        return request["rows"][0]

    def predict(self, row):
        return self.booster.predict(np.array([row]), num_threads=1)[0]

    def encode_response(self, score):
        return {"scores": [float(score)]}


class BatchedRisk(Risk):
    def batch(self, inputs):
        return np.array(inputs)

    def predict(self, rows):
        return self.booster.predict(rows, num_threads=1)

    def unbatch(self, output):
        return list(output)


if __name__ == "__main__":
    most = int(sys.argv[3])
    api = BatchedRisk(max_batch_size=most, batch_timeout=float(sys.argv[4])) if most > 1 else Risk()
    litserve.LitServer(api, accelerator="cpu", workers_per_device=1, fast_queue=sys.argv[5] == "fast").run(
        host="127.0.0.1", port=int(sys.argv[2]), num_api_servers=1, log_level="warning", generate_client_file=False
    )
