"""What well-kept libraries do where this package has machinery of its own: docs/architecture.md.

python -m benchmarks.libraries [NAME...] prints the rows; names are those of PARTS. Libraries that
are not installed are left out. CPU seconds of one process, so that other work on the machine does
not count.

    pip install pooch requests httpx ruamel.yaml strictyaml optimistix jaxopt \
        tensorflow-probability atomicwrites safer
"""

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import bsnunu_jax  # noqa: F401  (64 bit)
from benchmarks.beside import ROOT, Row, cpu, named
from benchmarks.library_files import downloads, files, yaml_files


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
