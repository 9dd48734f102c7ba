"""Peers that cannot share our environment: each in one of its own, made on first use from its pins, run as a child process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def python(peer: str) -> Path:
    """Return the interpreter of a peer's environment, made if its pins (requirements/peers/<peer>.txt) are newer than it."""
    pins, home = ROOT / "requirements" / "peers" / f"{peer}.txt", ROOT / ".venv" / "peers" / peer
    stamp, interpreter = home / "made", home / "bin" / "python"
    if not stamp.exists() or stamp.stat().st_mtime < pins.stat().st_mtime:
        print(f"installing {pins.relative_to(ROOT)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run([interpreter, "-m", "pip", "--disable-pip-version-check", "-qq", "install", "-r", pins], check=True)
        stamp.touch()
    return interpreter


def run(peer: str, script: str, *arguments: str) -> str:
    """Run benchmarks/<script> under a peer's interpreter; return what it printed.

    Raises:
        RuntimeError: It failed; the message ends with what it said.
    """
    done = subprocess.run([python(peer), ROOT / "benchmarks" / script, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{peer} failed with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
