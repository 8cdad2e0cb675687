"""The items of `bsnunu reproduce`, by name, and where they are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.reproduce.product import Product
from bsnunu_jax.reproduce.settings import Settings


@dataclass(frozen=True)
class Item:
    """Something to reproduce.

    Attributes:
        name: as typed.
        title: one line for people.
        module: below `bsnunu_jax.reproduce`.
        function: makes the `Product` from `Settings`.
        published: whether Belle II's published likelihood is needed.
    """

    name: str
    title: str
    module: str
    function: str
    published: bool = False

    def make(self, settings: Settings) -> Product:
        """The product; made once for the same settings."""
        function = getattr(import_module(f"bsnunu_jax.reproduce.{self.module}"), self.function)
        found: Product = settings.once(function)
        return found


_ITEMS = (
    Item(
        "fig1",
        "R_K and R_K* in scans of 12 and of 6 neutrino coefficients",
        "neutrinos.ratios",
        "fig1",
    ),
    Item(
        "fig2",
        "where the six C_R are, and the plane of C_R^mutau and C_R^tautau",
        "neutrinos.coefficients",
        "fig2",
    ),
    Item(
        "fig3",
        "the regions of fig2 in four modes with charged leptons",
        "neutrinos.charged",
        "fig3",
    ),
    Item("fig4", "mass and scale of scalar dark matter, two operators", "dark.planes", "fig4"),
    Item("fig5", "mass and scale of fermion dark matter, six operators", "dark.planes", "fig5"),
    Item("fig6", "mass and scale of vector dark matter, eight operators", "dark.planes", "fig6"),
    Item("fig7", "normalised q2 spectra of dark matter", "dark.spectra", "fig7"),
    Item("fig8", "the same with Belle II's efficiency", "dark.spectra", "fig8"),
    Item(
        "slides-lq",
        "slides: leptoquarks, R_K against R_K* and other modes",
        "neutrinos.slides_lq",
        "slides_lq",
    ),
    Item(
        "slides-q2",
        "slides: q2 spectra and the efficiency weight omega(m)",
        "dark.spectra",
        "slides_q2",
    ),
    Item(
        "slides-scalar-model",
        "slides: scalar dark matter with vector-like quarks",
        "scalar_model.item",
        "slides_scalar_model",
    ),
    Item(
        "belle2",
        "published results from Belle II's likelihood: mu, WET, B -> K X",
        "belle2.item",
        "belle2",
        published=True,
    ),
    Item("claims", "every statement beside its computed number", "claims", "claims"),
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
