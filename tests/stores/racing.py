"""Runs a job in several processes at once, on a database that does not exist yet; prints what they left, as a line of JSON.

python -m tests.stores.racing JOB FOLDER PROCESSES
"""

import json
import os
import sys
from pathlib import Path

from tests.stores import jobs


def main(name: str, home: Path, processes: int) -> None:
    """Start the racers together, wait for all, and say how they ended and what they left."""
    job = getattr(jobs, name)()
    reading, writing = os.pipe()
    racers = []
    for racer in range(processes):
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)  # returns when the parent lets go of its end, for all at once
            job.work(home, racer)
            os._exit(0)
        racers.append(child)
    os.close(writing)
    ended = [os.waitpid(racer, 0)[1] for racer in racers]
    print(json.dumps({"ended": ended, **job.inspect(home)}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
