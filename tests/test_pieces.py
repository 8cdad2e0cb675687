"""Picks from a vector are what indexing gives, with its gradient, however they are joined."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.experiments.histfactory.pieces import Pieces

N = 600
CASES = {
    "runs, ones, the same": [np.r_[3:200, N, N, 7, 7, 7, 100:350], np.r_[3:9], np.r_[N, N]],
    "one after the other backwards": [np.arange(60)[::-1]],
    "the end and a one": [np.r_[N - 2, N - 1, N, N], np.r_[N - 1 : N + 1]],
    "the same at the end of a run": [np.r_[0:40, 39, 39, 39, 39]],
    "many": [np.random.default_rng(0).integers(0, N + 1, 900)],
    "few of many": [np.random.default_rng(0).integers(0, N + 1, 8), np.r_[5:5]],
}


@pytest.mark.parametrize("name", CASES)
def test_picks(name, rng):
    vector, picks = rng.normal(size=N), Pieces(N, tuple(CASES[name]))
    slopes = [rng.normal(size=len(i)) for i in CASES[name]]

    def total(of, v):
        return sum(s @ p for s, p in zip(slopes, of(v), strict=True))

    def plain(v):
        return [jnp.append(v, 1.0)[i] for i in CASES[name]]

    for found, also, expected in zip(
        picks.of(jnp.asarray(vector), jnp), picks.of(vector, np), plain(vector), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(also, expected)
    ours = jax.jit(jax.grad(lambda v: total(lambda x: picks.of(x, jnp), v)))(vector)
    np.testing.assert_allclose(ours, jax.grad(lambda v: total(plain, v))(vector), atol=1e-13)
