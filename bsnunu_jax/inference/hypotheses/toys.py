"""Toys: the distribution of a test statistic without asymptotic formulas, in blocks on disk.

A toy is drawn at a conditional fit to the observed data, its auxiliary data too (the unconditional
ensemble), and fitted like the observed data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from scipy.stats import norm

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.seals import load_block, save_block
from bsnunu_jax.inference.hypotheses.ensembles import Fits
from bsnunu_jax.inference.hypotheses.goodness import saturated_statistic
from bsnunu_jax.inference.hypotheses.hypotest import BANDS, statistic_of
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood, TestStatistic

Progress = Callable[[str, int], None]

BLOCK = 50


@dataclass(frozen=True)
class Fraction:
    """A p-value from toys: k of n, with the half-width of Wilson's interval as its error."""

    k: int
    n: int

    @property
    def p(self) -> float:
        """k/n."""
        return self.k / self.n if self.n else float("nan")

    @property
    def error(self) -> float:
        """sqrt(p (1 - p)/n + 1/(4 n^2))/(1 + 1/n), one standard deviation."""
        if not self.n:
            return float("nan")
        return float(np.sqrt(self.p * (1 - self.p) / self.n + 0.25 / self.n**2) / (1 + 1 / self.n))


@dataclass(frozen=True)
class Ensemble:
    """Fitted toys of one hypothesis.

    Attributes:
        tested: values of the parameter that every toy was tested for, shape (k,).
        best: best value of every toy, shape (n,).
        t: -2 ln lambda of the tested values, shape (n, k).
        saturated: 2 ln L_saturated - 2 ln L_best, shape (n,).
        failed: number of toys left out because a fit did not converge.
        kept: which of the toys that were drawn are there.
    """

    tested: np.ndarray
    best: np.ndarray
    t: np.ndarray
    saturated: np.ndarray
    failed: int
    kept: np.ndarray

    def statistic(self, kind: TestStatistic, column: int) -> np.ndarray:
        """The test statistic of every toy for one of the tested values."""
        return statistic_of(kind, self.tested[column], self.t[:, column], self.best)


def run_ensemble(
    likelihood: ProfileLikelihood,
    truth: Fits,
    tested: np.ndarray,
    number: int,
    *,
    seed: int,
    path: Path | None = None,
    progress: Progress | None = None,
) -> Ensemble:
    """Draw and fit toys of one hypothesis, written in blocks, and take up the blocks there are.

    Args:
        likelihood: what is fitted.
        truth: a conditional fit to the observed data, of which the first row is the hypothesis.
        tested: values of the parameter at which the toys are profiled, may be empty.
        number: of toys. Toy i is the same whatever the number.
        seed: seed of this ensemble.
        path: stem of the files of the blocks; nothing is written if absent.
        progress: called after every block with the name of the ensemble and its toys so far.

    Raises:
        InputError: for blocks of other settings.
    """
    tested = np.asarray(tested, dtype=float)
    blocks = []
    for first in range(0, number, BLOCK):
        count = min(BLOCK, number - first)
        file = path.with_name(f"{path.name}_{first // BLOCK:05d}.npz") if path else None
        block = load_block(file) if file and file.exists() else None
        if file and block is not None:
            same = block["tested"].shape == tested.shape
            if not same or not np.allclose(block["tested"], tested, rtol=1e-6, atol=0):
                raise InputError(
                    "toys of other settings",
                    where=str(file),
                    allowed="choose another --out, or delete the toys",
                )
        if block is None or len(block["best"]) < count:
            block = _block(likelihood, truth, tested, range(first, first + count), seed)
            if file:
                save_block(file, block)
        blocks.append({k: v[:count] for k, v in block.items() if k != "tested"})
        if progress and path:
            progress(path.name, first + count)
    joined = {k: np.concatenate([b[k] for b in blocks]) for k in blocks[0]}
    good = joined["converged"]
    return Ensemble(
        tested,
        joined["best"][good],
        joined["t"][good],
        joined["saturated"][good],
        int((~good).sum()),
        good,
    )


def _block(
    likelihood: ProfileLikelihood, truth: Fits, tested: np.ndarray, toys: range, seed: int
) -> dict[str, np.ndarray]:
    root = jax.random.key(seed)
    # Blocks of one length only: a shorter one would be compiled again.
    numbers = np.arange(toys.start, toys.start + BLOCK)
    keys = jax.vmap(lambda i: jax.random.fold_in(root, i))(numbers)
    sets = likelihood.toys(truth, keys).take(np.arange(len(toys)))
    best = likelihood.fit(sets, start=truth[:1])
    n, k = len(toys), len(tested)
    rows = np.repeat(np.arange(n), k)
    t, converged = np.zeros((n, k)), best.converged
    if k:
        fixed = likelihood.profile(np.tile(tested, n), sets.take(rows), start=truth[:1])
        t = fixed.objective.reshape(n, k) - best.objective[:, None]
        converged = converged & fixed.converged.reshape(n, k).all(axis=1)
    return {
        "tested": tested,
        "best": best.value,
        "t": t,
        "converged": converged,
        "saturated": saturated_statistic(likelihood, sets, best),
    }


def above(statistic: np.ndarray, observed: float) -> Fraction:
    """The fraction of toys with at least the observed value, equal but for rounding."""
    return Fraction(int((statistic >= observed - 1e-9).sum()), len(statistic))


@dataclass(frozen=True)
class ToyTests:
    """Tests of several values with toys, one entry a value; see `Scan`.

    Attributes:
        values: what was tested.
        clsb, clb: fractions of toys with the value as truth, and without a signal.
        cls: their ratio, and `cls_error` its error.
        expected: CLs of background-only toys at the quantiles of `BANDS`, shape (5, n).
    """

    values: np.ndarray
    clsb: tuple[Fraction, ...]
    clb: tuple[Fraction, ...]
    cls: np.ndarray
    cls_error: np.ndarray
    expected: np.ndarray


def toy_tests(
    kind: TestStatistic, observed: np.ndarray, signal: list[Ensemble], background: Ensemble
) -> ToyTests:
    """CLs+b, CLb and CLs of toys.

    Args:
        kind: test statistic.
        observed: of the observed data, one a tested value.
        signal: toys with the tested value as truth, tested for it.
        background: toys without a signal, whose first columns are the tested values.
    """
    values = np.array([e.tested[0] for e in signal])
    clsb, clb, expected = [], [], []
    for i, ensemble in enumerate(signal):
        with_signal = ensemble.statistic(kind, 0)
        without = background.statistic(kind, i)
        clsb.append(above(with_signal, observed[i]))
        clb.append(above(without, observed[i]))
        # CLs of every background-only toy as if it were the data.
        rank = [np.searchsorted(np.sort(s), without - 1e-9) for s in (with_signal, without)]
        tails = [1 - r / len(s) for r, s in zip(rank, (with_signal, without), strict=True)]
        expected.append(np.quantile(tails[0] / tails[1], norm.cdf(BANDS)))
    p, q = np.array([f.p for f in clsb]), np.array([f.p for f in clb])
    errors = np.array([[f.error for f in clsb], [f.error for f in clb]])
    safe = np.where(q > 0, q, np.nan)
    cls = p / safe
    error = np.hypot(errors[0] / safe, cls * errors[1] / safe)
    return ToyTests(values, tuple(clsb), tuple(clb), cls, error, np.array(expected).T)


def crossing(values: np.ndarray, cls: np.ndarray, level: float) -> float:
    """Where CLs falls below the level, ln CLs interpolated; NaN if it does not on these values."""
    height = np.log(np.maximum(cls, 1e-12) / level)
    above_level = np.flatnonzero(height > 0)
    if not above_level.size or above_level[-1] + 1 == len(values):
        return float("nan")
    i = above_level[-1]
    step = height[i] / (height[i] - height[i + 1])
    return float(values[i] + step * (values[i + 1] - values[i]))
