"""`millrace keys` as a user calls it, and a server that others can reach."""

import pytest

from millrace.cli.front import is_loopback
from tests.cli.shop import live
from tests.cli.test_serving import answer, server


def test_a_key_is_made_listed_and_revoked(shop):
    said = shop.millrace("keys", "add", "app", "--role", "viewer", "--system", "shop", "--rate", "5", "--expires", "90d")
    assert said.status == 0, said.err
    key = said.out.strip()
    assert key.startswith("mr_")
    assert key not in said.err
    listed = shop.millrace("keys", "list").out
    assert key not in listed
    assert listed.splitlines()[-1].split()[:4] == ["app", "viewer", "shop", "5"]
    assert listed.splitlines()[-1].split()[-1] == "good"
    assert shop.millrace("keys", "revoke", "app").status == 0
    assert "revoked" in shop.millrace("keys", "list").out.splitlines()[-1]


def test_no_key_is_said_plainly(shop):
    assert "everybody on this machine may ask" in shop.millrace("keys", "list").out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--role", "root"], "there is no role 'root'"),
        (["--expires", "soon"], "'soon' is no length of time: write 90d or 12h"),
        (["--expires", "1ms"], "of no use"),
        (["--rate", "0"], "would let nothing through"),
    ],
)
def test_wrong_key_is_refused(shop, options, complaint):
    said = shop.millrace("keys", "add", "app", *options)
    assert (said.status, said.out) == (1, "")
    assert complaint in said.err


def test_key_for_a_system_that_is_not_there_is_refused_once_it_is_known_which_are(shop):
    assert shop.millrace("keys", "add", "early", "--system", "shopp").status == 0, "nothing was served yet, so nothing is known"
    live(shop, visits=0)
    said = shop.millrace("keys", "add", "app", "--system", "shop", "--system", "shopp")
    assert (said.status, said.out) == (1, "")
    assert "knows no system 'shopp', so the key would open nothing: use one of shop, or serve shopp there first" in said.err
    assert "app" not in shop.millrace("keys", "list").out
    assert shop.millrace("keys", "add", "app", "--system", "shop").status == 0


def test_unknown_key_cannot_be_revoked(shop):
    said = shop.millrace("keys", "revoke", "nobody")
    assert (said.status, "no key is called 'nobody'" in said.err) == (1, True)


@pytest.mark.parametrize(
    ("host", "only_here"), [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)]
)
def test_what_only_this_machine_can_reach(host, only_here):
    assert is_loopback(host) == only_here


@pytest.mark.server
def test_server_that_others_can_reach_needs_a_key_to_start_and_for_every_question(shop):
    status, _, complaint = answer(shop.folder, "serve", "shop.py", "--host", "0.0.0.0", "--port", "0")
    assert (status, "there is no key: make one with millrace keys add NAME" in complaint) == (1, True), complaint
    key = shop.millrace("keys", "add", "app").out.strip()
    with server(shop.folder, "--host", "0.0.0.0") as (client, _):
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"authorization": f"Bearer {key}"}).status_code == 200
