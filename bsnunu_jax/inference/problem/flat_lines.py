"""Straight lines along which the data see nothing: sums of couplings, parameters without effect.

Gradients of -2 ln L at many points span what the data see; the rest of the space of the parameters
is flat everywhere. Running couplings mix a little: a direction that is nearly outside of that span
is flat too if -2 ln L hardly changes on whole lines through the minima.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.problem.landscape import Landscape, chord

# Points at which the gradient is looked at, beside 8 for every parameter.
_POINTS, _PER_PARAMETER = 32, 8
# Of the largest singular value: what is rounding, and what may be the mixing of running couplings.
_ROUNDING, _NEARLY = 1e-9, 3e-3
# A gradient below this changes -2 ln L by nothing over all of a range.
_NOTHING = 1e-6
# -2 ln L may change by this on a line that counts as flat, between so many points of it.
FLAT, _ALONG = 0.05, 17
_UNSEEN = 1e-6
# Coefficients that are not told, are shown as whole numbers, and count as these.
_UNTOLD, _EXACT, _NEAR_WHOLE = 0.02, 0.005, 0.1


@dataclass(frozen=True)
class FlatLine:
    """A direction in which nothing that the data see changes.

    Attributes:
        coefficients: by parameter, the first one 1.
        change: largest change of -2 ln L on lines through the minima, inside the priors.
    """

    coefficients: dict[str, float]
    change: float

    @property
    def name(self) -> str:
        """Such as `Clq1_tautau + Clq3_tautau`: coefficients near whole numbers are rounded.

        >>> FlatLine({"a": 1.0, "b": -0.93, "c": 1e-4}, 0.0).name
        'a - b'
        >>> FlatLine({"a": 1.0, "b": 0.5, "c": -1.5}, 0.0).name
        '2 a + b - 3 c'
        >>> FlatLine({"a": 1.0, "b": 0.3679}, 0.0).name
        'a + 0.37 b'
        """
        told = {k: c for k, c in self.coefficients.items() if abs(c) > _UNTOLD}
        shown = _shown(list(told.values()))
        words: list[str] = []
        for name, c in zip(told, shown, strict=True):
            sign = ("- " if words else "-") if c < 0 else ("+ " if words else "")
            size = f"{abs(c):.2g} " if abs(abs(c) - 1) > 1e-9 else ""
            words.append(f"{sign}{size}{name}")
        return " ".join(words)

    @property
    def sentence(self) -> str:
        """The same for people, with the ratio of the coefficients and how flat it is.

        >>> FlatLine({"a": 1.0, "b": 0.93}, 0.004).sentence
        'the data do not see a + b (1 : 0.93): -2 ln L changes by 0.004 along it at most'
        """
        told = [c for c in self.coefficients.values() if abs(c) > _UNTOLD]
        shown = _shown(told)
        exact = all(
            abs(a - b * shown[0]) < _EXACT * abs(a) for a, b in zip(shown, told, strict=True)
        )
        ratio = "" if exact else f" ({' : '.join(f'{c:.3g}' for c in told)})"
        how = "does not change along it"
        if self.change > _UNSEEN:
            how = f"changes by {self.change:.1g} along it at most"
        return f"the data do not see {self.name}{ratio}: -2 ln L {how}"

    @property
    def exact(self) -> bool:
        """Whether it is flat to rounding."""
        return self.change <= _UNSEEN

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those that change along it.

        >>> FlatLine({"a": 1.0, "b": -0.93, "c": 1e-4}, 0.0).parameters
        ('a', 'b')
        """
        return tuple(k for k, c in self.coefficients.items() if abs(c) > _UNTOLD)


def need_seen(
    lines: Sequence[FlatLine], wanted: Sequence[str], known: Sequence[str], where: str
) -> None:
    """Refuse parameters of which the data see nothing.

    Args:
        lines: flat lines of the problem.
        wanted: the parameters of interest.
        known: all that are fitted.
        where: the option that names them.

    Raises:
        InputError: naming the first such parameter.

    >>> need_seen([FlatLine({"a": 1.0, "b": -1.0}, 0.0)], ["a"], ["a", "b"], "--parameter")
    """
    unseen = [line.parameters[0] for line in lines if len(line.parameters) == 1]
    for name in wanted:
        if name in unseen:
            seen = ", ".join(n for n in known if n not in unseen)
            others = f"take one that they see ({seen}), or " if seen else ""
            raise InputError(
                f"the data do not see {name}: -2 ln L does not change with it",
                where=where,
                allowed=f"{others}add data that read it",
            )


class Directions:
    """Directions of a landscape that may be flat, in the values of the parameters."""

    def __init__(self, local: Landscape) -> None:
        """Look at gradients all over the priors, with the compiled program of the landscape."""
        self._local, self._box = local, local.box
        self._width = np.abs(self._box.slopes(np.zeros(len(self._box.low))))
        self._names = [p.name for p in local.problem.parameters]
        self._nearly, share = self._search()
        self.exact = self._echelon(self._nearly[share <= _ROUNDING])

    def _search(self) -> tuple[Float[np.ndarray, "k n"], Float[np.ndarray, " k"]]:
        """Orthonormal candidates in units of the ranges, flattest first, and what is seen."""
        n = len(self._names)
        none = np.zeros((0, n)), np.zeros(0)
        if not n:
            return none
        rng = np.random.default_rng(0)
        count = _POINTS + _PER_PARAMETER * n
        free = rng.uniform(-1, 1, (count, n))
        free = np.where(self._box.bounded, 0.98 * free, 2 * free)
        nuisances = rng.standard_normal((count, self._local.problem.size - n))
        at = np.concatenate([self._box.values(free), nuisances], axis=1)
        value, gradient = self._local.objective(at)
        rows = gradient[:, :n] * self._width
        size = np.linalg.norm(rows, axis=1)
        rows = rows[np.isfinite(value)]
        size = size[np.isfinite(value)]
        if not len(rows):
            return none
        seen = size > _NOTHING
        if not seen.any():
            return np.eye(n), np.zeros(n)
        _, singular, vectors = np.linalg.svd(rows[seen] / size[seen, None], full_matrices=True)
        share = np.zeros(n)
        share[: len(singular)] = singular / singular[0]
        order = np.argsort(share, kind="stable")
        order = order[share[order] < _NEARLY]
        return vectors[order], share[order]

    def on(self, points: Float[np.ndarray, "m size"]) -> list[FlatLine]:
        """The flat lines of a problem with these minima, in the coordinates of `Box`."""
        kept, changes = [], []
        for direction in self._nearly:
            change = self._change(direction, points)
            if change < FLAT:
                kept.append(direction)
                changes.append(change)
        lines = self._echelon(np.array(kept).reshape(len(kept), len(self._names)))
        return [
            FlatLine(dict(zip(self._names, line.tolist(), strict=True)), max(changes))
            for line in lines
        ]

    def _change(self, direction: Float[np.ndarray, " n"], points: np.ndarray) -> float:
        """The largest change of -2 ln L on lines through points, nuisances held."""
        n, largest = len(self._names), 0.0
        step = direction * self._width
        for point in points:
            values = self._box.values(point[:n])
            back, forth = value_chord(self._local, values, step)
            at = np.tile(np.concatenate([values, point[n:]]), (_ALONG, 1))
            at[:, :n] += np.linspace(back, forth, _ALONG)[:, None] * step
            value, _ = self._local.objective(at)
            largest = max(largest, float(value.max() - value.min()))
        return largest

    def _echelon(self, directions: Float[np.ndarray, "k n"]) -> Float[np.ndarray, "k n"]:
        """A basis of the same space in units of the values that is easy to name."""
        rows, done = directions.copy(), 0
        for column in range(rows.shape[1] if len(rows) else 0):
            pivot = done + int(np.argmax(np.abs(rows[done:, column])))
            if np.abs(rows[pivot, column]) < _UNTOLD:
                continue
            rows[[done, pivot]] = rows[[pivot, done]]
            rows[done] /= rows[done, column]
            others = np.arange(len(rows)) != done
            rows[others] -= np.outer(rows[others, column], rows[done])
            done += 1
            if done == len(rows):
                break
        rows[np.abs(rows) < 1e-9] = 0.0
        values = rows * self._width
        first = [row[np.flatnonzero(row)[0]] if row.any() else 1.0 for row in values]
        return np.asarray(values / np.array(first).reshape(-1, 1))


def value_chord(
    local: Landscape, values: Float[np.ndarray, " n"], step: Float[np.ndarray, " n"]
) -> tuple[float, float]:
    """How far values can move along a step, back and forth, inside the ranges."""
    low, high = np.array([p.prior.range for p in local.problem.parameters]).T
    back, forth = chord(low, high, values, step)
    # Without a range a few errors are enough.
    return max(back, -6.0), min(forth, 6.0)


def centred(
    local: Landscape, point: Float[np.ndarray, " size"], lines: Sequence[np.ndarray]
) -> Float[np.ndarray, " size"]:
    """The point nearest to the middle of the ranges on the flat lines through it.

    Args:
        local: the landscape.
        point: in the coordinates of `Box`.
        lines: directions in the values of the parameters.
    """
    box, n = local.box, len(local.problem.parameters)
    moved = point.copy()
    values = box.values(point[:n])
    steps = np.array(lines).reshape(len(lines), n)
    # Orthonormal in units of the ranges, so that one length is one length.
    width = np.abs(box.slopes(np.zeros(n)))
    basis = np.linalg.qr((steps / width).T)[0].T * width
    ranges = np.array([p.prior.range for p in local.problem.parameters])
    start = np.zeros(len(basis))
    middle = box.values(np.zeros(n))
    if len(basis) == 1:
        back, forth = value_chord(local, values, basis[0])
        best = np.clip(-((values - middle) / width) @ (basis[0] / width), back, forth)
        found = np.array([best])
    else:
        finite = np.isfinite(ranges).all(axis=1)
        room = (ranges[finite] - values[finite, None]) / width[finite, None]
        inside = (basis / width).T[finite]
        found = minimize(
            lambda t: float(np.sum(((values + t @ basis - middle) / width) ** 2)),
            start,
            jac=lambda t: 2 * (basis / width) @ ((values + t @ basis - middle) / width),
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 200},
            constraints=[
                {"type": "ineq", "fun": lambda t: inside @ t - room[:, 0], "jac": lambda _: inside},
                {
                    "type": "ineq",
                    "fun": lambda t: room[:, 1] - inside @ t,
                    "jac": lambda _: -inside,
                },
            ],
        ).x
    moved[:n] = box.coordinates(np.clip(values + found @ basis, ranges[:, 0], ranges[:, 1]))
    return moved


def _shown(told: list[float]) -> list[float]:
    """Small whole numbers if the coefficients are in such a ratio, else two decimals."""
    for factor in (1, 2, 3, 4):
        scaled = [c * factor for c in told]
        if all(abs(c - round(c)) < _UNTOLD * abs(c) for c in scaled):
            return [float(round(c)) for c in scaled]
    if all(abs(c - round(c)) < _NEAR_WHOLE * abs(c) for c in told):
        return [float(round(c)) for c in told]
    return told
