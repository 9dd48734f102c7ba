"""A process of its own that decides for the busy system on the view in Redis: a line `ask <first> <n>` in, a line of JSON out."""

import sys
import time
from pathlib import Path

import msgspec

from millrace.adapters.redis.online import read
from millrace.loading import load
from millrace.log.streams import codec_of
from millrace.serve.home import Home
from millrace.serve.replica import Replica
from millrace.types import moment
from tests.serve.running import PEOPLE


def main(folder: str, url: str, name: str) -> None:
    """Answer until the input ends."""
    loaded = load("tests.serve.busy")
    home = Home(Path(folder), loaded, read_only=True)
    replica = Replica(loaded, home, read(url, loaded))
    asks = loaded.system.request
    for line in sys.stdin:
        first, n = map(int, line.split()[1:])
        now = moment(time.time_ns() // 1000)
        asked = [asks(id=f"{name}-{i}", at=now, person=PEOPLE[i % 4] if i % 3 == 0 else f"visitor {i}") for i in range(first, first + n)]
        decided = replica.answer(codec_of(asks).columns(asked))
        assert not replica.failures, replica.failures
        sys.stdout.buffer.write(msgspec.json.encode({"asked": asked, "decided": decided, "missed": replica.view.missed}) + b"\n")
        sys.stdout.flush()
    home.close()


main(*sys.argv[1:])
