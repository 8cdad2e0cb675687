"""Belle II's published likelihood of B+ -> K+ nu nubar with the signal of any spectrum.

The HistFactory workspace (5 channels, 30 bins) with the MC statistics marginalised, its signal
reweighted in bins of true q2 through the published joint number densities (arXiv:2507.12393, method
arXiv:2402.08417). The signal strength and the null model's form-factor systematics `corr_ff_*` are
dropped: the rate and the form factors of a fit take their place.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.errors import InputError
from bsnunu_jax.experiments.base import Predictions
from bsnunu_jax.experiments.belle2 import Belle2Binned
from bsnunu_jax.experiments.counting import log_likelihood_of_signal
from bsnunu_jax.experiments.histfactory import HistFactory
from bsnunu_jax.experiments.null_model import null_br
from bsnunu_jax.experiments.workspace import read_workspace

Scalar = Float[Array, ""]

WORKSPACE = "combined_likelihood.json"
# SHA-256 of the files of the HEPData record 10.17182/hepdata.166082.
CHECKSUMS = {
    WORKSPACE: "9ec0d563197912e03e31de202f04fea10babe39a10de99b9770d9292df285ab3",
    "number_density_ita_regA.csv": (
        "f3f39c5c2747031a96f9100905c544936802afa62ecf25f3a02fc4bf2e447925"
    ),
    "number_density_ita_regB.csv": (
        "22f6ce34723ef24624aa7755a048f2ad940c666646ea7eee0b3e8e549765f254"
    ),
    "number_density_hta.csv": "2ef413de554d4d5553557e31c0f55e0f1afa01a52aafacc820d09dc72c41b4bb",
}
# Number densities: file, first letters of the channel, sample.
_DENSITIES = (
    ("number_density_ita_regA.csv", "A__", "signal"),
    ("number_density_ita_regB.csv", "B__", "signal"),
    ("number_density_hta.csv", "sgn1_had", "sgn_1_had"),
)
_DROPPED = ("mu", "corr_ff_c1", "corr_ff_c2", "corr_ff_c3")
_Q2_END, _Q2_BINS = 22.885, 100


@dataclass(frozen=True, eq=False)
class Belle2Published:
    """The published likelihood as a measurement; its nuisances are the systematics, rotated.

    Attributes:
        model: the workspace without signal strength and `corr_ff_*`.
        signal: mask of the signal entries.
        density: events of every signal entry in the bins of true q2, shape (signal, q2 bins).
        underflow: those without a matched true q2, whose weight stays 1.
        null_br: BR of the null model in the bins of true q2.
        rotation: orthogonal matrix from the coordinates of the sampler to the systematics.
    """

    name: str
    title: str
    mode: str
    labels: tuple[str, ...]
    model: HistFactory
    signal: np.ndarray
    density: np.ndarray
    underflow: np.ndarray
    q2_edges: np.ndarray
    null_br: np.ndarray
    samples: tuple[str, ...]
    sources: tuple[str, ...]
    tree_tau: str
    sm_spectrum: bool = False
    rotation: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Find the coordinates in which the counts constrain one nuisance at a time."""
        object.__setattr__(self, "rotation", self._rotation())

    @property
    def observed(self) -> np.ndarray:
        """Counts per bin."""
        return self.model.observed

    @property
    def nuisance_names(self) -> tuple[str, ...]:
        """Standard-normal coordinates, most constrained first."""
        return tuple(f"{self.name}[{i}]" for i in range(len(self.rotation)))

    def weights(self, br_bins: Float[Array, " q2_bins"]) -> Float[Array, " entries"]:
        """Factors of the entries: signal reweighted bin by bin of true q2, the rest 1."""
        events = self.underflow + self.density @ (br_bins / self.null_br)
        nominal = self.underflow + self.density.sum(axis=1)
        return jnp.ones(self.signal.size).at[np.flatnonzero(self.signal)].set(events / nominal)

    def entries(
        self, weights: Float[Array, " entries"], z: Float[Array, " n"]
    ) -> Float[Array, " entries"]:
        """Expected events of every entry at the nuisances z, MC statistics at their mean."""
        return self.model.entry_rates(jnp.asarray(self.rotation) @ z, jnp.zeros(0)) * weights

    def counts(
        self, predictions: Predictions, z: Float[Array, " n"]
    ) -> tuple[Float[Array, " bins"], Float[Array, " bins"]]:
        """Expected signal and background events at the nuisances z."""
        entries = self.entries(self.weights(predictions.bins(self.mode, self.q2_edges)), z)
        signal = self.model.bin_rates(jnp.where(self.signal, entries, 0.0))
        return signal, self.model.bin_rates(entries) - signal

    def log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """ln L of the counts, MC statistics of every bin marginalised over positive rates."""
        return self.marginal(self.weights(predictions.bins(self.mode, self.q2_edges)), z)

    def marginal(self, weights: Float[Array, " entries"], z: Float[Array, " n"]) -> Scalar:
        """The same for given factors of the entries.

        A bin's rate is Gaussian around its mean (see `HistFactory.collapsed_log_density`): the
        integral of the Poisson term over it is that of a background uncertainty. It has no edge at
        zero rate, which a sampled parameter would run into in the nearly empty off-resonance bins.
        """
        mean, spread = self.model.collapsed_moments(self.entries(weights, z))
        return jnp.sum(log_likelihood_of_signal(mean, self.observed, 0.0, spread))

    def _rotation(self) -> np.ndarray:
        """Eigenvectors of the Fisher information of the counts at the nominal point.

        A rotation leaves standard normals standard normal; in these coordinates the posterior is
        nearly uncorrelated, so that a diagonal mass matrix fits it.
        """
        size = len(self.model.alphas)
        object.__setattr__(self, "rotation", np.eye(size))
        ones = jnp.ones(self.signal.size)

        def moments(z: Float[Array, " n"]) -> tuple[Array, Array]:
            return self.model.collapsed_moments(self.entries(ones, z))

        slope = np.asarray(jax.jit(jax.jacfwd(lambda z: moments(z)[0]))(jnp.zeros(size)))
        mean, spread = (np.asarray(a) for a in moments(jnp.zeros(size)))
        expected = mean + spread**2
        _, vectors = np.linalg.eigh(-slope.T @ (slope / expected[:, None]))
        return vectors


def load_published(folder: Path, template: Belle2Binned) -> Belle2Published:
    """The published likelihood in a folder; name, labels and data samples as in the 18-bin form.

    Raises:
        InputError: for a file that is missing or altered, or bins that do not match the densities.
    """
    check_files(folder)
    model = read_workspace(folder / WORKSPACE, drop=_DROPPED)
    channels = [channel for channel, _ in model.entries]
    signal = np.zeros(len(channels), dtype=bool)
    densities = []
    for name, prefix, sample in _DENSITIES:
        here = model.selects(sample) & np.array([c.startswith(prefix) for c in channels])
        table = np.loadtxt(folder / name, delimiter=",", ndmin=2)
        if table.shape != (int(here.sum()), _Q2_BINS + 1):
            raise InputError(
                f"shape {table.shape}, the workspace has {int(here.sum())} signal bins and "
                f"{_Q2_BINS} + 1 bins of q2", where=str(folder / name),
            )  # fmt: skip
        densities.append(table)
        signal |= here
    density = np.concatenate(densities)
    edges = np.linspace(0, _Q2_END, _Q2_BINS + 1)
    off = tuple(f"off-resonance bin {i}" for i in range(len(model.observed) - 18))
    return Belle2Published(
        name=template.name, title=template.title.replace("18 bins", "published likelihood"),
        mode=template.mode, labels=template.labels[:12] + off + template.labels[12:],
        model=model, signal=signal, density=density[:, 1:], underflow=density[:, 0],
        q2_edges=edges, null_br=null_br(edges, template.null_model), samples=template.samples,
        sources=template.sources, tree_tau=template.tree_tau,
    )  # fmt: skip


def check_files(folder: Path) -> None:
    """Compare the files of the record with their checksums.

    Raises:
        InputError: naming the first that is missing or altered, expected and found checksum.
    """
    for name, expected in CHECKSUMS.items():
        path = folder / name
        if not path.is_file():
            raise InputError(
                "no such file", where=str(path),
                allowed="download the record 10.17182/hepdata.166082 from HEPData into one folder",
            )  # fmt: skip
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != expected:
            raise InputError(
                f"checksum {found}, expected {expected}", where=str(path),
                allowed="download the file again",
            )  # fmt: skip
