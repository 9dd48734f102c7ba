"""The floor of `serve`: a Starlette handler that does nothing but read a row, call LightGBM and answer; the same server as ours."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import numpy as np
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server
from lightgbm import Booster
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Asked(msgspec.Struct):
    rows: list[list[float]]


async def main(model: Path, port: int) -> None:
    booster, decoder = Booster(model_file=model), msgspec.json.Decoder(Asked)

    async def handle(request: Request) -> Response:
        rows = np.array(decoder.decode(await request.body()).rows)
        scores = np.asarray(booster.predict(rows, num_threads=1))
        return Response(msgspec.json.encode({"scores": scores.tolist()}), media_type="application/json")

    app = Starlette(routes=[Route("/predict", handle, methods=["POST"])])
    await Server(app, "127.0.0.1", port, interface=Interfaces.ASGI, websockets=False, log_enabled=False).serve()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Path(sys.argv[1]), int(sys.argv[2])))
