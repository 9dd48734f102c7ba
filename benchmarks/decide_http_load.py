"""The load of `decide-http` and `overload`: one process that asks for decisions, as fast as they are answered or at a rate of its own.

At a rate, requests come as a Poisson process whatever becomes of those before, and a latency counts from the instant at which a request was
meant to be sent: a stall of the server, or of the load itself, is charged to all who waited behind it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter, deque

import numpy as np
import uvloop

_END = b"\r\n\r\n"
VIEWERS = 2_000


class Connection(asyncio.Protocol):
    """One connection, with at most one request on its way."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.left = b""
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.load.free(self)

    def ask(self, due: float) -> None:
        self.due = due
        self.transport.write(self.load.request())  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.left += data
        end = self.left.find(_END)
        if end < 0:
            return
        head = self.left[:end].lower()
        at = head.index(b"content-length:") + 15
        if len(self.left) < end + 4 + int(head[at:].split(b"\r\n", 1)[0]):
            return
        self.left = b""
        self.load.done(int(head[9:12]), time.perf_counter() - self.due)
        self.load.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.load.lost += 1


class Load:
    """All connections: which are free, what is due, what came back."""

    def __init__(self, port: int, rate: float, connections: int, seconds: float, seed: int) -> None:
        self.port, self.rate, self.connections, self.seconds = port, rate, connections, seconds
        self.g = np.random.default_rng(seed)
        self.viewers = self.g.integers(0, VIEWERS, 1 << 16).tolist()
        self.idle: list[Connection] = []
        self.due: deque[float] = deque()
        self.outcomes: Counter[int] = Counter()
        self.took: dict[int, list[float]] = {}
        self.sent = self.lost = 0
        self.until = 0.0

    def request(self) -> bytes:
        self.sent += 1
        body = b'{"viewer":"v%d"}' % self.viewers[self.sent % len(self.viewers)]
        head = b"POST /v1/decide HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        return head + b"%d\r\n\r\n%s" % (len(body), body)

    def free(self, one: Connection) -> None:
        now = time.perf_counter()
        if self.due:
            one.ask(self.due.popleft())
        elif not self.rate and self.until > now:
            one.ask(now)
        else:
            self.idle.append(one)

    def done(self, status: int, took: float) -> None:
        self.outcomes[status] += 1
        self.took.setdefault(status, []).append(took)

    async def run(self) -> dict[str, float]:
        loop = asyncio.get_running_loop()
        made = [await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.port) for _ in range(self.connections)]
        began = time.perf_counter()
        self.until = began + self.seconds
        if self.rate:
            gaps = self.g.exponential(1 / self.rate, int(self.rate * self.seconds * 1.2) + 100)
            for due in (began + np.cumsum(gaps)).tolist():
                if due > self.until:
                    break
                while (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                self.idle.pop().ask(due) if self.idle else self.due.append(due)
        else:
            for one in self.idle[:]:
                self.idle.remove(one)
                one.ask(time.perf_counter())
            await asyncio.sleep(self.seconds)
        patience = time.perf_counter() + 30
        while len(self.idle) < len(made) - self.lost and time.perf_counter() < patience:
            await asyncio.sleep(0.01)
        answered = np.array(self.took.get(200, [0.0]))
        refused = np.array([took for status, all_ in self.took.items() if status != 200 for took in all_] or [0.0])
        return {
            "answered": self.outcomes[200],
            "refused": self.outcomes[429] + self.outcomes[503],
            "other": sum(n for status, n in self.outcomes.items() if status not in (200, 429, 503)) + self.lost,
            "per_s": self.outcomes[200] / self.seconds,
            "p50_ms": float(np.percentile(answered, 50)) * 1e3,
            "p99_ms": float(np.percentile(answered, 99)) * 1e3,
            "refused_p99_ms": float(np.percentile(refused, 99)) * 1e3,
        }


if __name__ == "__main__":
    port, rate, connections, seconds, seed = sys.argv[1:]
    print(json.dumps(uvloop.run(Load(int(port), float(rate), int(connections), float(seconds), int(seed)).run())))
