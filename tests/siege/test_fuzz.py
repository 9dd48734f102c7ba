"""Whatever bytes come: no answer that blames the server, none that never comes, no memory kept, and decisions are made afterwards.

`make fuzz` fires all of it, `make fuzz SEED=17` one volley again.
"""

import os
import re
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest

from tests.cli.test_serving import answer
from tests.serve.callers import PATIENCE_S
from tests.siege.besieged import SHELF, Besieged
from tests.siege.procfs import memory
from tests.siege.shots import KINDS, Shot, Valid, valid

pytestmark = pytest.mark.server

SEED = os.environ.get("MILLRACE_CHAOS_SEED")
VOLLEY, VOLLEYS = 2500, 24
"""How many requests a volley is, and how many volleys are fired in all."""
DEADLINE_S = 30.0
"""How long an answer may take, in seconds: far longer than one does, on a machine with other work too."""
GUNS = 4
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


@pytest.fixture(scope="module")
def targets(besieged: Besieged) -> list[Valid]:
    return valid(besieged.version)


@pytest.mark.skipif(bool(SEED), reason="one volley is asked for")
def test_some_shots_are_answered_without_blame(besieged, targets):
    volley(besieged, targets, 1000, 700)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [int(SEED)] if SEED else range(VOLLEYS))
def test_volley_of_a_seed(besieged, targets, seed):
    volley(besieged, targets, seed, VOLLEY)


@pytest.mark.slow
@pytest.mark.skipif(bool(SEED), reason="one volley is asked for")
def test_memory_stays_as_it_was_after_the_first_volleys(besieged, targets):
    volley(besieged, targets, 2000, VOLLEY)
    before = memory(besieged.owner)
    for seed in range(2001, 2005):
        volley(besieged, targets, seed, VOLLEY)
    grown = memory(besieged.owner) - before
    assert grown < 0.1 * before, f"{grown / 2**20:.1f} MiB more than {before / 2**20:.1f} MiB after {4 * VOLLEY} requests"


def test_many_who_never_finish_their_request_keep_nobody_from_being_answered(besieged, targets):
    whole = next(one for one in targets if one.path == "/v1/decide").bytes()
    held = [socket.create_connection(("127.0.0.1", besieged.port)) for _ in range(300)]
    try:
        for place in range(0, 60):
            for one in held:
                with suppress(OSError):  # it may have been hung up on
                    one.sendall(whole[place : place + 1])
            if place % 20 == 0:
                still_decides(besieged)
    finally:
        for one in held:
            one.close()
    still_decides(besieged)


def volley(besieged: Besieged, targets: list[Valid], seed: int, length: int) -> None:
    """Fire so many shots, some side by side; check each answer, and that decisions are made afterwards."""
    chance = np.random.default_rng(seed)
    shots = [KINDS[int(chance.integers(len(KINDS)))](targets[int(chance.integers(len(targets)))], chance) for _ in range(length)]
    with ThreadPoolExecutor(GUNS) as pool:
        found = list(pool.map(lambda shot: fired(besieged.port, shot), shots))
    statuses = Counter(status for one in found for status in one)
    blamed = [(shot.kind, shot.parts, one) for shot, one in zip(shots, found, strict=True) if not _is_fine(one)]
    assert not blamed, f"seed {seed}: {len(blamed)} of {length}, such as {[str(one)[:700] for one in blamed[:3]]}"
    silent = [shot for shot, one in zip(shots, found, strict=True) if shot.is_whole and not one]
    assert not silent, f"seed {seed}: {len(silent)} are not answered, such as {str(silent[0])[:700]}"
    print(f"seed {seed}: {length} shots, {dict(sorted(statuses.items()))}")
    still_decides(besieged)


def _is_fine(statuses: list[int]) -> bool:
    """Return whether no answer blames the server: 503 is said by somebody who means it, -1 stands for none within the deadline."""
    return all(100 <= status < 500 or status == 503 for status in statuses)


def fired(port: int, shot: Shot) -> list[int]:
    """Send a shot, and return the statuses that came back; the last is -1 if the server let the sender wait."""
    said = bytearray()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as connection:
            try:
                for part in shot.parts:
                    connection.sendall(part)
            except OSError:
                pass  # it was hung up on; what was said before that may still be read
            if not shot.is_whole:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
            _hear(connection, said, shot.is_whole)
    except TimeoutError:
        return [*map(int, _STATUS.findall(said)), -1]
    except OSError:
        pass
    return [int(one) for one in _STATUS.findall(said)]


def _hear(connection: socket.socket, said: bytearray, is_whole: bool) -> None:
    """Read what is answered: up to the end of the first answer, or up to the end of the connection if the sender hung up."""
    until = time.monotonic() + DEADLINE_S
    while not (is_whole and _is_answer(said)):
        if time.monotonic() > until:
            raise TimeoutError
        more = connection.recv(65536)
        if not more:
            return
        said += more


def _is_answer(said: bytearray) -> bool:
    head, end, body = said.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100"):  # go on, it says: the answer is yet to come
        head, end, body = body.partition(b"\r\n\r\n")
    if not end:
        return False
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return len(body) >= int(length[1]) if length else True


def still_decides(besieged: Besieged) -> None:
    """Check that a decision is made, by whoever is asked next."""
    connection = besieged.connect(PATIENCE_S)
    connection.request("POST", "/v1/decide", b'{"visitor": "ada"}')
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    assert b"items" in answer.read()
    connection.close()


def test_log_proves_what_was_decided_meanwhile(besieged):
    assert besieged.end() == 0, besieged.said[-3000:]
    status, out, err = answer(besieged.home.parent, "verify", SHELF, "--home", str(besieged.home), "--last", "500")
    assert status == 0, out + err
