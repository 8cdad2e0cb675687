"""What well-kept libraries do where this package has machinery of its own: docs/architecture.md.

python -m benchmarks.libraries [NAME...] prints the rows; names are those of PARTS. Libraries that
are not installed are left out. CPU seconds of one process, so that other work on the machine does
not count.

    pip install pooch requests httpx ruamel.yaml strictyaml optimistix jaxopt \
        tensorflow-probability atomicwrites safer
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import bsnunu_jax  # noqa: F401  (64 bit)

ROOT = Path(__file__).parents[1]
Row = tuple[str, str]


def cpu(call: Callable[[], Any], repeats: int = 3) -> float:
    """CPU seconds of the best of several calls."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        jax.block_until_ready(call())
        found.append(time.process_time() - start)
    return min(found)


def named(library: str) -> str:
    """Name and version.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError as error:
        raise ImportError(library) from error


def sobol() -> Iterator[Row]:
    """Points, points of a later index, scrambling."""
    from scipy.stats import qmc

    from bsnunu_jax.numerics.sobol import sobol as ours

    name, n, d = named("scipy"), 2**18, 5
    index = jnp.arange(n, dtype=jnp.uint64)
    program = jax.jit(lambda i: jnp.stack(ours(i, 2**50, d, None), axis=1))
    plain = qmc.Sobol(d, scramble=False, bits=52).random(n)
    mine = np.asarray(program(index))
    yield (
        f"{name}, qmc.Sobol",
        f"unscrambled points differ by {np.abs(plain - mine).max():.0e} at most; {n} points "
        f"{1e3 * cpu(lambda: qmc.Sobol(d, scramble=False, bits=52).random(n)):.0f} ms, "
        f"ours {1e3 * cpu(lambda: program(index)):.0f} ms",
    )
    skip = 10**8
    late = index[:1000] + np.uint64(skip)
    yield "ours", f"1000 points from 1e8 on {1e3 * cpu(lambda: program(late)):.1f} ms"
    for bits in (30, 52):
        generator = qmc.Sobol(d, scramble=False, bits=bits)
        try:
            seconds = cpu(partial(generator.fast_forward, skip), 1)
            text = f"{seconds:.1f} s to get there, in each process and at each `--resume`"
        except ValueError as error:
            text = f"fails ({str(error)[:60]})"
        yield f"{name}, bits={bits}, fast_forward(1e8)", f"{text}; not traceable"
    scrambled = qmc.Sobol(d, scramble=True, bits=52, seed=1).random(1024)
    other = np.stack([np.asarray(x) for x in ours(index[:1024], 1024, d, 1)], axis=1)
    yield (
        f"{name}, scramble=True",
        f"another scrambling of the seed: points differ by {np.abs(scrambled - other).max():.1f}, "
        "so that the seed of a card would give other points",
    )


def bessel() -> Iterator[Row]:
    """Values and gradients of exp(z) K_nu(z)."""
    from scipy import special

    from bsnunu_jax.observables.dark_matter.bessel import k1e, kve

    z = np.geomspace(2.0, 500.0, 4096)
    exact = special.kve(1, z)
    for name, run in (("k1e", jax.jit(k1e)), ("kve", jax.jit(lambda x: kve(1, x)))):
        off = np.abs(np.asarray(run(z)) / exact - 1).max()
        yield f"ours, {name}", f"{off:.0e}, {1e6 * cpu(lambda f=run: f(z), 9):.0f} us for 4096"
    kept = [n for n in ("kv", "kve", "k0e", "k1e") if hasattr(jax.scipy.special, n)]
    yield f"{named('jax')}, jax.scipy.special", f"of K_nu it has {kept or 'nothing'}"
    slope = -exact * (special.kve(0, z) + special.kve(2, z)) / (2 * exact) + exact
    try:
        name = named("tensorflow-probability")
        from tensorflow_probability.substrates.jax.math import bessel_kve

        program = jax.jit(lambda x: bessel_kve(1.0, x))
        gradient = jax.jit(jax.vmap(jax.grad(lambda x: bessel_kve(1.0, x))))
        yield (
            f"{name}, bessel_kve",
            f"{np.abs(np.asarray(program(z)) / exact - 1).max():.0e}, "
            f"{1e6 * cpu(lambda: program(z), 9):.0f} us; gradient "
            f"{np.abs(np.asarray(gradient(z)) / slope - 1).max():.0e}",
        )
    except Exception as error:
        text = f"{type(error).__name__}: {str(error).splitlines()[0][:90]}"
        yield "tensorflow-probability, bessel_kve", f"does not run with this JAX ({text})"


def intervals() -> Iterator[Row]:
    """Regions of draws from two peaks, one of them at the edge of a prior."""
    import arviz

    from bsnunu_jax.report.intervals import Marginal

    rng = np.random.default_rng(1)
    x = np.concatenate([np.abs(rng.normal(0, 0.3, 3000)), rng.normal(8.0, 0.05, 1000)])
    rng.shuffle(x)

    def share(pieces: Any) -> float:
        return float(sum(np.mean((x >= a) & (x <= b)) for a, b in pieces))

    mine = Marginal(x, (0.0, 10.0)).pieces(0.95)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = np.atleast_2d(arviz.hdi(x, hdi_prob=0.95, multimodal=True))
    for name, pieces in (("ours", mine), (f"{named('arviz')}, hdi(multimodal=True)", found)):
        shown = ", ".join(f"{a:.2f}..{b:.2f}" for a, b in pieces)
        yield name, f"of 95 % holds {100 * share(pieces):.1f} %: {shown}"
    spurious = {"ours": 0, "arviz": 0}
    for seed in range(20):
        y = np.random.default_rng(seed).normal(size=400)
        spurious["ours"] += len(Marginal(y).pieces(0.68)) > 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spurious["arviz"] += len(arviz.hdi(y, hdi_prob=0.68, multimodal=True)) > 1
    yield "both", f"one Gaussian, 400 draws, 20 times: split {spurious} times at 68 %"


def descents() -> Iterator[Row]:
    """fits/belle2_wet.yaml: 16 lanes from afar, and near the minimum as in `Lanes`."""
    from bsnunu_jax.cards.run_card import Card
    from bsnunu_jax.numerics.newton import levenberg_marquardt

    problem = Card(ROOT / "fits" / "belle2_wet.yaml").problem
    objective, size = problem.objective, problem.size
    rng = np.random.default_rng(1)
    starts = {"afar": rng.normal(scale=0.5, size=(16, size))}
    slopes = jax.jit(jax.vmap(jax.value_and_grad(objective)))

    def ours(z: Any) -> Any:
        return levenberg_marquardt(objective, z, 60, 1e-6)[0]

    solvers: dict[str, Callable[[Any], Any]] = {"ours, Newton with damping": ours}
    try:
        import optimistix as optx

        def bfgs(z: Any, tolerance: float = 1e-9) -> Any:
            solver = optx.BFGS(rtol=tolerance, atol=tolerance)
            return optx.minimise(
                lambda y, _: objective(y), solver, z, max_steps=400, throw=False
            ).value

        solvers[f"{named('optimistix')}, BFGS"] = bfgs
        solvers["the same, rtol = atol = 1e-13"] = lambda z: bfgs(z, 1e-13)
    except ImportError:
        pass
    try:
        import jaxopt

        solvers[f"{named('jaxopt')}, LBFGS"] = lambda z: (
            jaxopt.LBFGS(objective, maxiter=400, tol=1e-6).run(z).params
        )
    except ImportError:
        pass
    programs = {name: jax.jit(jax.vmap(solve)) for name, solve in solvers.items()}
    best = min((np.asarray(programs[next(iter(solvers))](starts["afar"]))), key=objective)
    lowest = float(objective(best))
    starts["near"] = best + rng.normal(scale=0.1, size=(16, size))
    for name, program in programs.items():
        texts = []
        for kind, points in starts.items():
            value, gradient = (np.asarray(x) for x in slopes(program(points)))
            there = value < lowest + 1e-6
            slope = np.abs(gradient[there]).max(axis=1, initial=0.0)
            texts.append(
                f"{kind} {there.sum()} of 16 at the lowest, median of the largest slope "
                f"{np.median(slope) if len(slope) else np.nan:.0e}, "
                f"{cpu(lambda p=points, f=program: f(p), 2):.2f} s"
            )
        yield name, "; ".join(texts)
    yield (
        "optimistix, LevenbergMarquardt",
        "wants residuals r with L = r.r: -2 ln L of Poisson counts is no such sum",
    )


def bounded() -> Iterator[Row]:
    """A valley in 12 dimensions with its minimum on an edge, 16 starts, calls of the objective."""
    from scipy.optimize import minimize

    from bsnunu_jax.numerics.bounded import descend

    size, rng = 12, np.random.default_rng(1)
    low, high = np.full(size, -1.0), np.full(size, 1.0)

    def one(x: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = x[:-1], x[1:] - 1.3 * x[:-1] ** 2
        slope = np.zeros_like(x)
        slope[:-1] = 2 * (a - 1.2) - 2 * 30 * b * 2.6 * a
        slope[1:] += 2 * 30 * b
        return float(np.sum((a - 1.2) ** 2 + 30 * b**2)), slope

    counts = {"ours": 0, "scipy": 0}

    def many(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counts["ours"] += 1
        found = [one(p) for p in points]
        return np.array([v for v, _ in found]), np.array([g for _, g in found])

    def counted(x: np.ndarray) -> tuple[float, np.ndarray]:
        counts["scipy"] += 1
        return one(x)

    starts = rng.uniform(-0.9, 0.9, (16, size))
    wide = np.broadcast_to
    ended = descend(
        many,
        starts,
        np.broadcast_to(np.eye(size) * 10, (16, size, size)),
        wide(low, starts.shape),
        wide(high, starts.shape),
        steps=500,
        tolerance=1e-8,
    )
    solved = [
        minimize(
            counted,
            s,
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(low, high, strict=True)),
            options={"maxiter": 5000, "maxfun": 50_000, "ftol": 1e-15, "gtol": 1e-8},
        )
        for s in starts
    ]

    def slope(x: np.ndarray) -> float:
        _, g = one(x)
        return float(np.abs(np.where(((x <= low) & (g > 0)) | ((x >= high) & (g < 0)), 0, g)).max())

    yield (
        "ours",
        f"{counts['ours']} batches of 16; largest free gradient {ended.slope.max():.0e}, values "
        f"{ended.value.min():.9g} to {ended.value.max():.9g}",
    )
    yield (
        f"{named('scipy')}, L-BFGS-B",
        f"{counts['scipy']} single calls, one start after the other; gradient "
        f"{max(slope(r.x) for r in solved):.0e}, values {min(r.fun for r in solved):.9g} to "
        f"{max(r.fun for r in solved):.9g}; no Hessian to start from, none at the end",
    )


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


PARTS = {
    "sobol": sobol,
    "bessel": bessel,
    "intervals": intervals,
    "descents": descents,
    "bounded": bounded,
    "yaml": yaml_files,
    "downloads": downloads,
    "files": files,
}


def main(names: list[str]) -> None:
    """Print the rows of these parts as Markdown."""
    unknown = sorted(set(names) - PARTS.keys())
    if unknown:
        sys.exit(f"unknown: {', '.join(unknown)}; one of {', '.join(PARTS)}")
    for name in names or PARTS:
        print(f"\n### {name}\n\n{PARTS[name].__doc__}\n\n| tried | found |\n|---|---|", flush=True)
        for library, text in PARTS[name]():
            print(f"| {library} | {text} |", flush=True)
    print(json.dumps({"python": sys.version.split()[0], "cpus": os.cpu_count()}))


if __name__ == "__main__":
    main(sys.argv[1:])
