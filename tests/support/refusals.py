"""What a reader says of a file that it does not take."""

from pathlib import Path

import pytest

from bsnunu_jax.foundation.errors import InputError


def says(reader, path: Path) -> str:
    """Its one line."""
    with pytest.raises(InputError) as caught:
        reader(path)
    text = str(caught.value)
    assert "\n" not in text
    return text
