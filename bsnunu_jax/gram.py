"""Integrated kernels as quadratic forms of the form-factor coefficients.

Every form factor is linear in its coefficients b and every hadronic row is a product of two form
factors, so that an integrated kernel is b^T M b. At fixed masses M is integrated once; a fit that
varies form factors and couplings then needs one matrix product per point instead of a quadrature.
"""

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.inputs import Inputs

Kernels = dict[str, Array]


class Gram(eqx.Module):
    """The integrated kernels of one final state in one mode.

    Attributes:
        matrix: M of every invariant, shape (n n,) for the total or (n n, bins).
        transition: whose form factors enter.
    """

    matrix: dict[str, Float[np.ndarray | Array, "nn ..."]]
    transition: str = eqx.field(static=True)

    def __call__(self, inputs: Inputs) -> Kernels:
        """What `rates.integrated_kernels` or `rates.binned_kernels` gives for these inputs."""
        b = inputs.form_factors[self.transition].linear
        products = jnp.outer(b, b).ravel()
        return {k: products @ m for k, m in self.matrix.items()}


def basis(size: int) -> Float[np.ndarray, "m size"]:
    """Coefficients at which a quadratic form must be known: e_i, then e_i + e_j for i < j."""
    one = np.eye(size)
    i, j = np.triu_indices(size, k=1)
    return np.concatenate([one, one[i] + one[j]])


def polarised(values: Mapping[str, Float[np.ndarray, "m ..."]], size: int, transition: str) -> Gram:
    """The quadratic forms with these values at the points of `basis`."""
    i, j = np.triu_indices(size, k=1)
    matrix: dict[str, np.ndarray | Array] = {}
    for name, value in values.items():
        value = np.asarray(value)
        m = np.zeros((size, size, *value.shape[1:]))
        diagonal = np.arange(size)
        m[diagonal, diagonal] = value[:size]
        m[i, j] = m[j, i] = (value[size:] - value[i] - value[j]) / 2
        matrix[name] = m.reshape(size * size, *value.shape[1:])
    return Gram(matrix, transition)


def with_coefficients(inputs: Inputs, transition: str, b: Float[Array, " n"]) -> Inputs:
    """The inputs with the form factors of the transition at the linear coefficients b."""
    shifted = inputs.form_factors[transition].with_linear(b)
    return eqx.tree_at(lambda i: i.form_factors[transition], inputs, shifted)
