"""Cards of scans: that of the symmetric C_R scan with other keys."""

from pathlib import Path

import yaml

from bsnunu_jax.scan.card import ScanCard

SYMMETRIC = yaml.safe_load((Path(__file__).parents[2] / "fits" / "scan_cr.yaml").read_text())
UNIFORM = {"uniform": [-20, 20]}


def card(path: Path, **changes) -> ScanCard:
    """The card of the symmetric C_R scan with other keys."""
    content = {k: v for k, v in (SYMMETRIC | changes).items() if v is not None}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return ScanCard(path)


def design(points: int | None = None, sampling: str = "random", **parameters):
    found = {"sampling": sampling, "parameters": parameters}
    return found if points is None else found | {"points": points}
