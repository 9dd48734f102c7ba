"""What callers meet of a server: where it listens, how it proves who it is, how much it takes at once, and how it is watched."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import msgspec

from millrace.cli.watching import UNWATCHED, Watching
from millrace.errors import BadInput
from millrace.serve.app import Tls, bound
from millrace.serve.clock import wall
from millrace.serve.incoming import MOST_BYTES
from millrace.serve.owning import token_of
from millrace.stores.api_keys import ApiKeys
from millrace.stores.database import open_database


class Front(msgspec.Struct, frozen=True, kw_only=True):
    """What callers meet of a server.

    Attributes:
        host: The address it listens on.
        port: The port; 0 takes any free one.
        token_file: Holds what replicas on other machines show the owner of the log; "" where there are none.
        tls: What it shows its callers; None to speak in clear text.
        watch: How it is watched.
        largest_body: How large a body may be, in bytes.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token_file: str = ""
    tls: Tls | None = None
    watch: Watching = UNWATCHED
    largest_body: int = MOST_BYTES

    @property
    def is_open(self) -> bool:
        """Whether other machines can reach it: then callers need a key even if none was ever made."""
        return not is_loopback(self.host)

    @property
    def token(self) -> str:
        """The token; "" where there is none.

        Raises:
            BadInput: The file cannot be read, or what it holds protects nothing.
        """
        return token_of(Path(self.token_file)) if self.token_file else ""

    @contextmanager
    def taken(self) -> Iterator[tuple[socket.socket, str]]:
        """Take the port for as long as the block runs; gives the socket, which does not listen yet, and its URL.

        Raises:
            Unavailable: The port is taken.
        """
        with bound(self.host, self.port) as taken:
            shown = f"[{self.host}]" if ":" in self.host else self.host
            yield taken, f"{'https' if self.tls else 'http'}://{shown}:{taken.getsockname()[1]}"

    def refuse_keyless(self, folder: Path) -> None:
        """Refuse to listen where others can reach it as long as nobody could be told from anybody.

        Raises:
            BadInput: They can, and the folder has no key that is good.
        """
        if not self.is_open:
            return
        with open_database(folder) as database:
            if not any(key.is_good(wall()) for key in ApiKeys(database).all()):
                said = f"{self.host} can be reached from other machines and there is no key: make one with millrace keys add NAME"
                raise BadInput(said, "host")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
