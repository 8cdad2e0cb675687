"""Particles that fly through a detector: sums over directions, and thrown B decays."""

import numpy as np

M_Y4S, N_DIRECTIONS = 10.579, 20_001


def path(across, along, shape):
    """Length of the straight line to the wall of a cylinder (radius, forward, backward) [m]."""
    radius, forward, backward = shape
    total = np.hypot(across, along)
    end = np.where(along > 0, forward, backward)
    with np.errstate(divide="ignore"):
        return total * np.minimum(radius / across, end / np.abs(along))


def one(shape, boost, m, p, ctau):
    """Probability to leave at momenta p in the frame of the B, by a sum over many directions."""
    p = np.atleast_1d(p)[:, None]
    c = (np.arange(N_DIRECTIONS) + 0.5) / N_DIRECTIONS * 2 - 1
    along = np.hypot(1, boost) * p * c + boost * np.hypot(m, p)
    across = p * np.sqrt(1 - c * c)
    total = np.hypot(across, along)
    return np.exp(-path(across, along, shape) * m / (total * ctau)).mean(axis=1)


def rotated(rng, n):
    """Isotropic unit vectors."""
    c, phi = rng.uniform(-1, 1, n), rng.uniform(0, 2 * np.pi, n)
    s = np.sqrt(1 - c * c)
    return np.stack([s * np.cos(phi), s * np.sin(phi), c])


def boosted(momentum, energy, velocity):
    """A momentum seen from a frame in which its own frame moves with beta gamma `velocity`."""
    gamma = np.sqrt(1 + np.sum(velocity**2, axis=0))
    along = np.sum(momentum * velocity, axis=0)
    return momentum + velocity * (along / (1 + gamma) + energy), gamma * energy + along


def to_laboratory(rng, momentum, energy, m_B, boost):
    """From the frame of a B, which Y(4S) -> B Bbar makes with sin^2 theta, to the laboratory."""
    n = energy.size
    c = rng.uniform(-1, 1, 4 * n)
    c = c[rng.uniform(0, 1, 4 * n) < 1 - c * c][:n]
    phi, s = rng.uniform(0, 2 * np.pi, n), np.sqrt(1 - c * c)
    p_B = np.sqrt(M_Y4S**2 / 4 - m_B**2)
    of_B = p_B / m_B * np.stack([s * np.cos(phi), s * np.sin(phi), c])
    momentum, energy = boosted(momentum, energy, of_B)
    return boosted(momentum, energy, np.array([[0.0], [0.0], [boost]]))


def outside(rng, momentum, m, ctau, shape):
    """Which of them decay beyond the wall, from where they decay."""
    radius, forward, backward = shape
    x, y, z = rng.exponential(ctau, momentum.shape[1]) * momentum / m
    return (np.hypot(x, y) > radius) | (z > forward) | (z < -backward)
