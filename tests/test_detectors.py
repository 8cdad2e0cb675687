"""Detectors that what may decay has to leave: in files of one's own, refusals, names of P_inv."""

import pytest
import yaml

from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inputs.detectors import Detector, detector, detectors
from bsnunu_jax.observables.catalogue import get_observable

OWN = {"boost": 0.3, "inner": {"radius": 2.0}, "source": "my drawing"}
ENTRY = {
    "id": "mine",
    "title": "mine",
    "observable": "BR(B+->K+inv)",
    "value": 1e-5,
    "errors": [[1e-6, -1e-6]],
}


def own(tmp_path, geometry, **changes):
    path = tmp_path / "mine.yaml"
    entry = ENTRY | changes | {"geometry": geometry}
    path.write_text(yaml.safe_dump({"measurements": [entry]}))
    return load_measurements([str(path)])[0]


def test_a_geometry_of_ones_own(tmp_path):
    assert own(tmp_path, "belle").detector is detector("belle")
    assert own(tmp_path, OWN).detector == Detector("own", 0.3, (2.0,), (), "my drawing")
    sizes = {"radius": 1.0, "forward": 2.0, "backward": 1.5}
    larger = {k: 2 * v for k, v in sizes.items()}
    found = own(tmp_path, OWN | {"inner": sizes, "outer": larger}).detector
    assert (found.inner, found.outer) == ((1.0, 2.0, 1.5), (2.0, 4.0, 3.0))


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        ({"boost": 0.3, "inner": {"radius": 2.0}}, "a geometry without a source"),
        ("atlas", "unknown detector 'atlas'"),
        (OWN | {"inner": {"radius": 2.0, "forward": 1.0}}, "a forward and a backward end"),
        (OWN | {"inner": {"radius": -2.0}}, "greater than 0"),
        (OWN | {"outer": {"radius": 1.0}}, "inner is larger than outer"),
        (3, "expected the name of a detector"),
    ],
)
def test_refused_geometries(tmp_path, geometry, message):
    with pytest.raises(InputError, match=message) as error:
        own(tmp_path, geometry)
    assert "geometry" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_geometry_of_a_kaon_beam(tmp_path):
    with pytest.raises(InputError, match="decays of B"):
        own(tmp_path, "belle2", observable="BR(K+->pi+inv)")


def test_names():
    """The usual detector needs no name; every decay of a B has one."""
    for name, there in detectors().items():
        assert there.source
        found = get_observable(f"P_inv(B0->K*0inv)[{name}]")
        assert found.name == f"P_inv(B0->K*0inv){'' if name == 'belle2' else f'[{name}]'}"
    assert get_observable("P_inv(B0->inv)").mode == "B0->inv"
    with pytest.raises(InputError, match="unknown observable"):
        get_observable("P_inv(KL->pi0inv)")
    with pytest.raises(InputError, match="unknown detector"):
        get_observable("P_inv(B+->K+inv)[nowhere]")
