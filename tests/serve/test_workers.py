"""Several processes that serve one system, for real: on one port, killed, ended, without their owner."""

import os
import re
import signal
import socket
import sys
from contextlib import closing
from pathlib import Path

import pytest

from millrace.cli.scaffold import scaffold
from millrace.serve.workers import SOCKET, Workers, private_folder
from tests.cli.test_serving import ENDS_WITHIN_S, ITEM, answer, server
from tests.serve.callers import Load, alone, click, decide, is_worker, item, restarts, two_workers, until, workers_of

pytestmark = pytest.mark.server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    scaffold("shop", "rank", tmp_path)
    return tmp_path


def test_what_one_worker_acknowledges_the_next_decision_of_the_other_sees_and_verify_proves_it(folder):
    with server(folder, "--workers", "2") as (client, process):
        until(lambda: len(workers_of(process)) == 2, "there are not two workers")
        first, second = two_workers(client, process)
        with closing(first), closing(second):
            for turn in range(20):
                one, other = (first, second) if turn % 2 else (second, first)
                assert one.post("/v1/events", json=[item(f"item-{turn}")]).json()["accepted"] == 1
                shown = [row["candidate"] for row in decide(other, f"visit-{turn}", f"user-{turn}")["items"]]
                considered = other.get(f"/v1/decisions/visit-{turn}").json()["decision"]["candidate"]
                assert f"item-{turn}" in considered, (shown, considered)

            answered = decide(first, "again")
            assert decide(second, "again") == answered, "a retry gets the decision it got, whoever is asked"
            conflict = second.post("/v1/decide", json={"id": "again", "user": "bob"})
            assert conflict.status_code == 409
            assert "was decided before with another user" in conflict.text

            told = [one.get("/metrics").text for one in (first, second)]
        for text in told:
            counted = re.findall(r"millrace_decisions_total\{.*\} (\d+)", text)
            assert sum(map(int, counted)) == 22, "either tells the numbers of both"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=ENDS_WITHIN_S) == 0
    status, out, err = answer(folder, "verify", "shop.py")
    assert status == 0, out + err
    assert not (folder / ".millrace" / "serving").exists()


def test_killed_workers_lose_nothing_that_was_answered_and_are_started_again(folder):
    with server(folder, "--workers", "2") as (client, process):
        until(lambda: len(workers_of(process)) == 2, "there are not two workers")
        client.post("/v1/events", json=[ITEM])
        load = Load(client.base_url)
        for _ in range(3):
            before = len(load.decisions)
            until(lambda before=before: len(load.decisions) > before + 10, "nobody answers")
            victim = workers_of(process)[0]
            os.kill(victim, signal.SIGKILL)
            until(lambda victim=victim: len(set(workers_of(process)) - {victim}) == 2, "it was not started again")
        before = len(load.decisions)
        until(lambda: len(load.decisions) > before + 10, "nobody answers after the last kill")
        load.end()
        assert load.errors == []
        assert load.refused == []
        with alone(client.base_url) as asking:
            for name, decided in load.decisions.items():
                logged = asking.get(f"/v1/decisions/{name}").json()["decision"]
                assert logged["candidate"][: logged["taken"]] == [row["candidate"] for row in decided["items"]]
            sent_again = asking.post("/v1/events", json=[click(name) for name in load.events]).json()
            assert (sent_again["accepted"], sent_again["duplicates"]) == (0, len(load.events))
            until(lambda: restarts(asking) == 3, "the restarts are not counted")
    assert answer(folder, "verify", "shop.py")[0] == 0


def test_owner_that_stands_still_is_said_and_all_heals_when_it_goes_on(folder):
    with server(folder, "--workers", "2") as (client, process):
        client.post("/v1/events", json=[ITEM])
        os.kill(process.pid, signal.SIGSTOP)
        try:
            with alone(client.base_url) as asking:
                refused = asking.post("/v1/decide", json={"id": "unlogged", "user": "ada"})
                assert refused.status_code == 503, refused.text
                assert int(refused.headers["retry-after"]) >= 1
                assert asking.post("/v1/events", json=[item("other")]).status_code == 503
                assert asking.get("/readyz").status_code == 503
                assert asking.get("/healthz").status_code == 200
        finally:
            os.kill(process.pid, signal.SIGCONT)
        until(lambda: client.get("/readyz").status_code == 200, "it does not heal")
        first = decide(client, "unlogged")
        assert [row["candidate"] for row in decide(client, "unlogged")["items"]] == [row["candidate"] for row in first["items"]]
    assert answer(folder, "verify", "shop.py")[0] == 0


def test_workers_end_with_their_owner_and_the_next_server_goes_on(folder):
    with server(folder, "--workers", "2") as (client, process):
        client.post("/v1/events", json=[ITEM])
        first = decide(client, "visit")
        workers = until(lambda: len(found := workers_of(process)) == 2 and found, "there are not two workers")
        process.kill()
        process.wait(ENDS_WITHIN_S)
        until(lambda: not any(is_worker(one) for one in workers), "workers outlive their owner")
    with server(folder, "--workers", "2") as (client, _):
        assert decide(client, "visit") == first
    assert answer(folder, "verify", "shop.py")[0] == 0


def test_termination_answers_what_is_under_way(folder):
    with server(folder, "--workers", "2") as (client, process):
        client.post("/v1/events", json=[ITEM])
        load = Load(client.base_url)
        until(lambda: len(load.decisions) > 10, "nobody answers")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=ENDS_WITHIN_S) == 0
        load.end()
        assert load.errors == []
        assert load.refused == []
        assert "Traceback" not in process.stderr.read()
    with server(folder) as (client, _):
        for name, decided in load.decisions.items():
            assert decide(client, name, f"user-{name.removeprefix('visit-')}") == decided


def test_private_folder_is_made_anew_and_goes(tmp_path: Path) -> None:
    (tmp_path / "serving").mkdir()
    (tmp_path / "serving" / "left").touch()
    with private_folder(tmp_path) as folder:
        assert folder == tmp_path / "serving"
        assert not (folder / "left").exists()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_home_whose_path_is_too_long_for_a_socket_has_it_elsewhere(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    home.mkdir()
    with private_folder(home) as folder:
        assert home not in folder.parents
        assert folder.stat().st_mode & 0o777 == 0o700
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(folder / SOCKET))
    assert not folder.exists()


def test_worker_that_keeps_ending_is_started_again_and_told_so(tmp_path: Path) -> None:
    code = "import sys; open(sys.argv[1], 'a').write(sys.argv[2])"
    ended: list[int] = []
    workers = Workers(
        lambda is_again: [sys.executable, "-c", code, str(tmp_path / "said"), str(int(is_again))], 1, dict(os.environ), [], ended.append
    )
    try:
        until(lambda: len(ended) >= 3, "it is not started again")
    finally:
        workers.stop()
    said = (tmp_path / "said").read_text()
    assert said.startswith("011")
    assert set(said) == {"0", "1"}
    workers.stop()
