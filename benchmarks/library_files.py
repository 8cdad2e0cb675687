"""The part of `libraries` about files: YAML, downloads, writers that are killed."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.beside import ROOT, Row, cpu, named

_BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 8)]
)


def yaml_files() -> Iterator[Row]:
    """Time of the longest card, an alias bomb of 4e7 entries, numbers, positions."""
    from bsnunu_jax.foundation.bounded_yaml import NotTaken, compose, construct

    text = (ROOT / "fits" / "mediators.yaml").read_text()

    def entries(tree: Any, most: int = 10**6) -> int:
        """Entries as a checker meets them, up to a bound."""
        found, nodes = 0, [tree]
        while nodes and found < most:
            node = nodes.pop()
            found += 1
            children = node.values() if isinstance(node, dict) else node
            if isinstance(node, dict | list):
                nodes += children
        return found

    try:
        compose(_BOMB)
    except NotTaken as error:
        said = error.problem
    numbers = "[1e-4, no, 010, 1_000, 1:30]"
    yield (
        "ours over PyYAML",
        f"{1e3 * cpu(lambda: construct(compose(text)), 5):.1f} ms; bomb refused: {said}; "
        f"{numbers} is {construct(compose(numbers))}",
    )
    try:
        from ruamel.yaml import YAML

        for kind in ("rt", "safe"):
            load = YAML(typ=kind).load
            yield (
                f"{named('ruamel.yaml')}, typ={kind!r}",
                f"{1e3 * cpu(lambda load=load: load(text), 5):.1f} ms; bomb loaded, at least "
                f"{entries(load(_BOMB)):,} entries; {numbers} is {list(load(numbers))}; "
                + ("lines in .lc" if kind == "rt" else "no lines"),
            )
    except ImportError:
        pass
    try:
        import strictyaml

        name = named("strictyaml")
        try:
            strictyaml.load(text)
            said = "reads the card"
        except strictyaml.YAMLError as error:
            said = f"refuses the shipped cards: {str(error).splitlines()[0]}"
        yield name, said
    except ImportError:
        pass


class _Slow(BaseHTTPRequestHandler):
    """/drip sends a byte every 0.2 s for 4 s, /endless 30 MB where 10 kB are announced nowhere."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            if self.path == "/drip":
                for _ in range(20):
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.2)
            for _ in range(0 if self.path == "/drip" else 30):
                self.wfile.write(bytes(2**20))
        except OSError:
            pass

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


@contextmanager
def _server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def downloads() -> Iterator[Row]:
    """A server that drips for 4 s against a limit of 1 s, and one that sends 30 MB for 10 kB."""
    from bsnunu_jax.experiments.records.web import Site, UnreachableError

    def timed(call: Callable[[], Any]) -> str:
        start = time.monotonic()
        try:
            call()
            ended = "done"
        except Exception as error:
            ended = type(error).__name__
        return f"{ended} after {time.monotonic() - start:.1f} s"

    with _server() as address, tempfile.TemporaryDirectory() as folder:

        def ours() -> None:
            site = Site(address, 1.0, 1.0, time.monotonic() + 1.0)
            with site.open("/drip") as response:
                while site.read(response):
                    pass

        assert issubclass(UnreachableError, Exception)
        yield "ours over urllib", f"limit of 1 s: {timed(ours)}; size bounded by the caller"
        try:
            import requests

            drip = timed(lambda: requests.get(address + "/drip", timeout=1.0))
            yield named("requests"), f"timeout=1 is that of one read: {drip}"
        except ImportError:
            pass
        try:
            import httpx

            drip = timed(lambda: httpx.get(address + "/drip", timeout=1.0))
            yield named("httpx"), f"timeout=1 is that of one read: {drip}"
        except ImportError:
            pass
        try:
            import urllib3

            pool, limit = urllib3.PoolManager(), urllib3.Timeout(total=1.0)
            drip = timed(lambda: pool.request("GET", address + "/drip", timeout=limit))
            yield named("urllib3"), f"Timeout(total=1) ends before the content: {drip}"
        except ImportError:
            pass
        try:
            import pooch

            pooch.get_logger().setLevel("ERROR")
            get = pooch.HTTPDownloader(timeout=1.0)
            drip = timed(
                lambda: pooch.retrieve(address + "/drip", None, "drip", folder, downloader=get)
            )
            sizes = []

            def watched(url: str, file: str, puller: Any) -> None:
                get(url, file, puller)
                sizes.append(os.path.getsize(file))

            wrong = timed(
                lambda: pooch.retrieve(
                    address + "/endless", "0" * 64, "big", folder, downloader=watched
                )
            )
            yield (
                named("pooch"),
                f"timeout=1: {drip}; wrote {sizes[0] / 1e6:.0f} MB before it compared the checksum "
                f"({wrong.split()[0]}); begins anew after a stop",
            )
        except ImportError:
            pass


_KILLED = """
import json, os, sys, time
from pathlib import Path
synced = []
fsync = os.fsync
os.fsync = lambda handle: (synced.append(1), fsync(handle))
path, how = Path(sys.argv[1]), sys.argv[2]
if how == "ours":
    from bsnunu_jax.foundation.files import whole
    with whole(path) as partial:
        partial.write_text("x")
        if len(sys.argv) > 3: os.kill(os.getpid(), 9)
elif how == "atomicwrites":
    from atomicwrites import atomic_write
    with atomic_write(path, overwrite=True) as file:
        file.write("x")
        if len(sys.argv) > 3: os.kill(os.getpid(), 9)
else:
    import safer
    with safer.open(path, "w", temp_file=True) as file:
        file.write("x")
        if len(sys.argv) > 3: os.kill(os.getpid(), 9)
print(len(synced))
"""


def files() -> Iterator[Row]:
    """Calls of fsync, and what three killed writers leave behind once one ends well."""
    for how in ("ours", "atomicwrites", "safer"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.txt"
            command = [sys.executable, "-c", _KILLED, str(path), how]
            done = [
                subprocess.run([*command, *more], capture_output=True, text=True, cwd=ROOT)
                for more in (["kill"], ["kill"], ["kill"], [])
            ][-1]
            if done.returncode:
                continue
            left = sorted(p.name for p in Path(folder).iterdir() if p.name != "a.txt")
            yield (
                how if how == "ours" else named(how),
                f"{done.stdout.strip()} fsync; beside the file there are {len(left)} others",
            )
