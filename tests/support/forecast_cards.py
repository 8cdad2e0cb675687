"""Cards and files of what nobody has measured yet."""

from pathlib import Path

import yaml

BOTH = {
    "CL_ee": {"prior": {"uniform": [-4, 3]}, "also": ["CL_mumu", "CL_tautau"]},
    "CR_ee": {"prior": {"uniform": [-4, 4]}, "also": ["CR_mumu", "CR_tautau"]},
}


def card_of(folder: Path, data, parameters=None, **changes) -> Path:
    """A quick fit to `data` at card.yaml; `changes` are entries of the card."""
    content = {
        "title": "a forecast",
        "model": "neutrinos",
        "inputs": {"nuisances": []},
        "parameters": parameters or BOTH,
        "data": data,
        "best_fit": {"starts": 4},
        "sampler": {"chains": 2, "warmup": 100, "draws": 100, "target_accept": 0.9},
        "seed": 1,
    } | changes
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


FORECAST = {
    "observables": ["R_K_nunu", "R_Kstar_nunu"],
    "errors": [0.3, 0.2],
    "systematic": [0.1, 0.0],
    "correlation": [[1, 0.6], [0.6, 1]],
}


def forecast_file(folder: Path, projected=FORECAST, **more) -> str:
    """A forecast called "mine" at mine.yaml, the name of the file."""
    entry = {"id": "mine", "title": "my forecast", "projected": projected} | more
    content = {"sm_spectrum": False, "tree_tau": "none", "measurements": [entry]}
    (folder / "mine.yaml").write_text(yaml.safe_dump(content))
    return "mine.yaml"
