"""What a named observable is."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Array, Float

Scalar = Float[Array, ""]


@dataclass(frozen=True)
class Observable:
    """A named observable; `function` takes q2 [GeV^2] last if `differential`.

    `needs` says what is missing where the value is not finite; `dark` ones are of a model's dark
    matter.
    """

    name: str
    function: Callable[..., Scalar]
    latex: str
    unit: str = "1"
    mode: str | None = None
    differential: bool = False
    description: str = ""
    needs: str = ""
    dark: bool = False
