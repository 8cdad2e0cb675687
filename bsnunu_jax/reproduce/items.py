"""The items of `bsnunu reproduce`, by name, and where they are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from threading import Lock
from types import MappingProxyType

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.reproduce.row import Product
from bsnunu_jax.reproduce.settings import Settings

# Modules of Matplotlib import each other in circles: not from two threads at once.
_IMPORTING = Lock()


@dataclass(frozen=True)
class Item:
    """Something to reproduce.

    Attributes:
        name: as typed; the function of the module that makes the `Product` is called alike.
        title: one line for people.
        module: below `bsnunu_jax.reproduce`.
        published: whether Belle II's published likelihood is needed.
    """

    name: str
    title: str
    module: str
    published: bool = False

    def make(self, settings: Settings) -> Product:
        """The product; made once for the same settings."""
        with _IMPORTING:
            module = import_module(f"bsnunu_jax.reproduce.{self.module}")
        return settings.once(getattr(module, self.name.replace("-", "_")))


_ITEMS = (
    Item("fig1", "R_K and R_K* in scans of 12 and of 6 neutrino coefficients", "neutrinos.ratios"),
    Item(
        "fig2",
        "where the six C_R are, and the plane of C_R^mutau and C_R^tautau",
        "neutrinos.coefficients",
    ),
    Item("fig3", "the regions of fig2 in four modes with charged leptons", "neutrinos.charged"),
    Item("fig4", "mass and scale of scalar dark matter, two operators", "dark.planes"),
    Item("fig5", "mass and scale of fermion dark matter, six operators", "dark.planes"),
    Item("fig6", "mass and scale of vector dark matter, eight operators", "dark.planes"),
    Item("fig7", "normalised q2 spectra of dark matter", "dark.spectra"),
    Item("fig8", "the same with Belle II's efficiency", "dark.spectra"),
    Item(
        "slides-lq", "slides: leptoquarks, R_K against R_K* and other modes", "neutrinos.slides_lq"
    ),
    Item("slides-q2", "slides: q2 spectra and the efficiency weight omega(m)", "dark.spectra"),
    Item(
        "slides-scalar-model",
        "slides: scalar dark matter with vector-like quarks",
        "scalar_model.item",
    ),
    Item(
        "belle2",
        "published results from Belle II's likelihood: mu, WET, B -> K X",
        "belle2.item",
        True,
    ),
    Item("claims", "every statement beside its computed number", "claims"),
)
ITEMS: Mapping[str, Item] = MappingProxyType({item.name: item for item in _ITEMS})


def get_items(names: tuple[str, ...]) -> list[Item]:
    """The items called so, in the order of the catalogue; `all` for all of them.

    Raises:
        InputError: for an unknown name.

    >>> [item.name for item in get_items(("fig8", "fig1"))]
    ['fig1', 'fig8']
    """
    unknown = [name for name in names if name not in (*ITEMS, "all")]
    if unknown:
        raise InputError(
            f"nothing is called {unknown[0]!r}",
            where="bsnunu reproduce",
            allowed=f"all, {', '.join(ITEMS)}",
        )
    return [item for item in ITEMS.values() if item.name in names or "all" in names]
