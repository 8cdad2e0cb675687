"""BFGS at many points at once, on the host: one compiled batch of values and gradients a step."""

from collections.abc import Callable

import numpy as np

# Value and gradient in z of many points (s, z), of which s stays.
Surface = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

_LONGEST_STEP = 3.0
# No minimum along a direction in which nothing changes.
_SMALLEST_CURVATURE = 0.1


def descend(
    surface: Surface,
    s: np.ndarray,
    z: np.ndarray,
    root: np.ndarray,
    *,
    passes: int,
    close: float,
    hopeless: float = np.inf,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Towards the minima in z of all points at once, in units of `root`.

    Args:
        surface: what falls.
        s: coordinates that stay, shape (points, ...).
        z: starts, shape (points, k).
        root: lower root of a typical inverse Hessian, shape (k, k).
        passes: most evaluations.
        close: a point is done where the next step would gain less.
        hopeless: points further above the lowest are left alone.

    Returns:
        values, points, and what the next step would gain.
    """
    value, gradient = surface(s, z)
    z, gradient = z.copy(), gradient @ root
    inverse = np.broadcast_to(np.eye(z.shape[1]), (len(s), z.shape[1], z.shape[1]))
    length = np.ones(len(s))
    gain = np.zeros(len(s))
    for _ in range(passes):
        step = -np.matmul(inverse, gradient[:, :, None])[:, :, 0]
        gain = -0.5 * np.sum(step * gradient, axis=1)
        on = np.flatnonzero((gain > close) & (value - gain < value.min() + hopeless))
        if not on.size:
            break
        norm = np.maximum(np.linalg.norm(step[on], axis=1), 1e-9)
        step = step[on] * (length[on] * np.minimum(1, _LONGEST_STEP / norm))[:, None]
        trial = z[on] + step @ root.T
        new, slope = surface(s[on], trial)
        slope = slope @ root
        if passes > 1:
            inverse = inverse.copy()
            inverse[on] = updated(inverse[on], step, slope - gradient[on])
        better = new < value[on]
        length[on] = np.where(better, 1.0, length[on] / 4)
        on = on[better]
        value[on], z[on], gradient[on] = new[better], trial[better], slope[better]
    return value, z, gain


def updated(inverse: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Inverse Hessians after steps along which the gradients changed by this."""
    overlap = np.sum(step * change, axis=1)
    good = np.isfinite(overlap) & (overlap > 1e-9)
    turned = np.matmul(inverse, change[:, :, None])[:, :, 0]
    rho = 1 / np.where(good, overlap, 1.0)
    weight = rho + rho**2 * np.sum(change * turned, axis=1)
    both = turned[:, :, None] * step[:, None, :] * rho[:, None, None]
    new = inverse - both - both.swapaxes(1, 2)
    new += weight[:, None, None] * step[:, :, None] * step[:, None, :]
    return np.where(good[:, None, None], new, inverse)


def curvature(surface: Surface, s: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Mean Hessian in z at some points, from differences of the gradient."""
    step, size = 1e-4, z.shape[1]
    moves = np.concatenate([np.zeros((1, size)), step * np.eye(size)])
    moved = (z[:, None] + moves).reshape(len(z) * (size + 1), size)
    _, gradient = surface(np.repeat(s, size + 1, axis=0), moved)
    here, there = np.split(gradient.reshape(len(z), size + 1, size), [1], axis=1)
    hessian = np.mean(there - here, axis=0) / step
    return np.asarray(hessian + hessian.T) / 2


def inverse_root(hessian: np.ndarray) -> np.ndarray:
    """Lower root of the inverse."""
    values, vectors = np.linalg.eigh(hessian)
    values = np.maximum(values, _SMALLEST_CURVATURE)
    return np.asarray(np.linalg.cholesky(vectors / values @ vectors.T))
