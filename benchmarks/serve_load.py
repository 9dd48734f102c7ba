"""The load of `serve`: connections that each send a request as soon as the one before is answered; one process, one core."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop

_END = b"\r\n\r\n"


class Caller(asyncio.Protocol):
    """One connection: it sends the next request when the answer to the last is whole."""

    def __init__(self, requests: list[bytes], first: int, took: list[float], until: float, done: asyncio.Future[None]) -> None:
        self.requests, self.place, self.took, self.until, self.done = requests, first, took, until, done
        self.left = b""
        self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.sent = time.perf_counter()
        if self.sent >= self.until:
            self.transport.close()
            return
        self.place = (self.place + 1) % len(self.requests)
        self.transport.write(self.requests[self.place])  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.left += data
        end = self.left.find(_END)
        if end < 0:
            return
        head = self.left[:end].lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at:].split(b"\r\n", 1)[0])
        if len(self.left) < end + 4 + length:
            return
        if not head.startswith(b"http/1.1 200"):
            raise SystemExit(f"refused: {self.left[:300]!r}")
        self.left = b""
        self.took.append(time.perf_counter() - self.sent)
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def load(port: int, path: str, bodies: list[str], connections: int, seconds: float) -> list[float]:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    requests = [(head + f"{len(body)}\r\n\r\n{body}").encode() for body in bodies]
    loop, took = asyncio.get_running_loop(), []
    until, ended = time.perf_counter() + seconds, []
    for n in range(connections):
        ended.append(loop.create_future())
        await loop.create_connection(lambda n=n: Caller(requests, n * 7, took, until, ended[-1]), "127.0.0.1", port)
    await asyncio.wait(ended, timeout=seconds + 10)
    return took


def main(port: int, path: str, bodies: Path, connections: int, seconds: float) -> None:
    """Print one line of JSON: the requests answered, the seconds it took, and the latencies' p50 and p99."""
    began = time.perf_counter()
    took = sorted(uvloop.run(load(port, path, bodies.read_text().splitlines(), connections, seconds)))
    print(json.dumps({"n": len(took), "s": time.perf_counter() - began, "p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100]}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
