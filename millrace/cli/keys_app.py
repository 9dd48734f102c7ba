"""`millrace keys ...`: its commands and their options."""

from __future__ import annotations

from typing import Annotated

import typer

from millrace.cli.arguments import HOME, Where, Why

app = typer.Typer(
    no_args_is_help=True, help="Say who may ask the servers of a folder, for what; with no key made, anybody on the machine may."
)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose it is, or what for: the audit names it.")],
    role: Annotated[
        str, typer.Option(help="viewer (look), operator (decide, report events), approver (change what serves), admin (all).")
    ] = "operator",
    system: Annotated[list[str], typer.Option("--system", "-s", help="The system it is good for, by name; by default all.")] = [],  # noqa: B006
    rate: Annotated[float | None, typer.Option(help="How many requests per second it may make; by default any number.")] = None,
    expires: Annotated[str, typer.Option(help="How long it is good: 90d; by default for ever.")] = "",
    why: Why = "made by hand",
    home: Where = HOME,
) -> None:
    """Make a key and print it, this once: it is not kept."""
    from millrace.cli.keys import add as work

    work(home, name, role, system, rate, expires, why)


@app.command("list")
def list_(home: Where = HOME) -> None:
    """List the keys, those revoked too."""
    from millrace.cli.keys import show as work

    work(home)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="The name of the key.")],
    why: Why = "revoked by hand",
    home: Where = HOME,
) -> None:
    """Make a key useless; running servers know within seconds."""
    from millrace.cli.keys import revoke as work

    work(home, name, why)
