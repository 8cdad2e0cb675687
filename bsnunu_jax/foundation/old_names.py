"""Modules under the names that the documentation of 0.1 taught: they work, with a warning."""

import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_FITS, _TESTS = "inference.fits", "inference.hypotheses"
# Old name -> new name, inside the package; to be dropped after one release.
MOVED = {
    "config": "cards.run_card",
    "experiments.base": "experiments.measurement",
    "form_factors": "hadrons.form_factors",
    "inference.best_fit": f"{_FITS}.best_fit",
    "inference.hypotest": f"{_TESTS}.hypotest",
    "inference.limits": f"{_TESTS}.limits",
    "inference.nuts": "inference.sampling.nuts",
    "inference.parameters": "inference.problem.parameters",
    "inference.profile_likelihood": f"{_TESTS}.profile_likelihood",
    "inference.profile_map": f"{_FITS}.profile_map",
    "inference.projection": f"{_TESTS}.projection",
    "inference.toys": f"{_TESTS}.toys",
    "invisible": "states",
    "invisible.base": "states.base",
    "kinematics": "hadrons.kinematics",
    "modes": "hadrons.transitions",
    "quadrature": "numerics.quadrature",
    "redist_bridge": "exchange.redist",
    "sectors": "states.sectors",
    "spectra": "observables.spectra",
}
_ROOT = "bsnunu_jax."


def _warn(old: str, new: str, level: int) -> None:
    warnings.warn(f"{old} is {new} now", DeprecationWarning, stacklevel=level + 1)


def forward(old: str, new: str) -> Callable[[str], Any]:
    """`__getattr__` of a package that was a module: its names are found in one of its modules."""

    def get(name: str) -> Any:
        if name.startswith("__") or find_spec(f"{old}.{name}"):  # a module of the package
            raise AttributeError(name)
        found = getattr(import_module(new), name)
        _warn(f"{old}.{name}", f"{new}.{name}", 2)
        return found

    return get


class _Old(MetaPathFinder, Loader):
    """Finds modules by their old names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        name = fullname.removeprefix(_ROOT)
        if fullname == name or name not in MOVED:
            return None
        return ModuleSpec(fullname, self, is_package=any(m.startswith(f"{name}.") for m in MOVED))

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        new = _ROOT + MOVED[module.__name__.removeprefix(_ROOT)]
        real = import_module(new)
        _warn(module.__name__, new, 2)

        def get(name: str) -> Any:
            return getattr(real, name)

        vars(module).update(__getattr__=get, __dir__=lambda: dir(real), __doc__=real.__doc__)


def install() -> None:
    """From now on old names can be imported."""
    if not any(isinstance(f, _Old) for f in sys.meta_path):
        sys.meta_path.append(_Old())
