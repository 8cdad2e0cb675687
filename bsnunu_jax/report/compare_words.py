"""What the numbers of a comparison say, in words: thresholds stated, the same for every model."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

# Of the local significance in standard deviations, and of |ln Z/Z_SM| (arXiv:0803.4089).
_FIT = ((5.0, "far better"), (3.0, "clearly better"), (2.0, "better"), (1.0, "hardly better"))
_NO_BETTER = "no better"
_EVIDENCE = ((5.0, "strong"), (2.5, "moderate"), (1.0, "weak"))
_INCONCLUSIVE = "inconclusive"
# Change of -2 ln L with which a data set speaks for a model or against it, and with which two
# models are told apart.
_SPEAKS, _APART = 1.0, 1.0
# |ln Z/Z_SM| up to which the ratio itself is printed.
_NAMED = 20.0
THRESHOLDS: Mapping[str, Any] = {
    "fit": {name: sigma for sigma, name in _FIT} | {_NO_BETTER: 0.0},
    "evidence": {name: log for log, name in _EVIDENCE} | {_INCONCLUSIVE: 0.0},
    "data_set": _SPEAKS,
    "models_apart": _APART,
}


def in_words(result: Mapping[str, Any]) -> dict[str, Any]:
    """The verdicts of compare.json: models by fit and by evidence, data for and against each.

    Args:
        result: its `comparable` and `variants`.
    """
    variants = [v for v in result["variants"] if "best" in v]  # of others there is nothing to say
    found: dict[str, Any] = {
        "thresholds": dict(THRESHOLDS),
        "variants": {v["name"]: _verdict(v) for v in variants},
    }
    if result["comparable"] and len(variants) > 1:
        lowest = min(variants, key=lambda v: v["best"]["delta_chi2"])
        likeliest = max(variants, key=lambda v: v["evidence"]["log_ratio"])
        close = [
            v["name"]
            for v in variants
            if v is not lowest and v["best"]["delta_chi2"] - lowest["best"]["delta_chi2"] < _APART
        ]
        found |= {
            "best_fit": lowest["name"],
            "as_good": close,
            "highest_evidence": likeliest["name"],
        }
    return found | {"text": _text(variants, found)}


def _verdict(v: Mapping[str, Any]) -> dict[str, Any]:
    changes = {name: x["delta"] for name, x in v["data_sets"].items()}
    ranked = sorted(changes, key=lambda name: -abs(changes[name]))
    e = v["evidence"]
    return {
        "fit": next((w for sigma, w in _FIT if v["significance"] >= sigma), _NO_BETTER),
        "evidence": _strength(e["log_ratio"]),
        "evidence_doubled_box": _strength(e["log_ratio_doubled"]),
        "data_for": [name for name in ranked if changes[name] <= -_SPEAKS],
        "data_against": [name for name in ranked if changes[name] >= _SPEAKS],
    }


def _strength(log_ratio: float) -> str:
    word = next((w for log, w in _EVIDENCE if abs(log_ratio) >= log), _INCONCLUSIVE)
    if word == _INCONCLUSIVE:
        return word
    return f"{word} for {'the model' if log_ratio > 0 else 'the SM'}"


def _text(variants: Sequence[Mapping[str, Any]], found: Mapping[str, Any]) -> list[str]:
    by_name = {v["name"]: v for v in variants}
    lines = []
    if "best_fit" in found:
        lines.append(_leader(by_name[found["best_fit"]], found))
        top = by_name[found["highest_evidence"]]
        log_ratio = top["evidence"]["log_ratio"]
        above = log_ratio > 0
        start = "Highest evidence" if above else "No model has more evidence than the SM; highest"
        # Of what is beyond words the logarithm alone.
        ratio = f"Z/Z_SM {math.exp(log_ratio):.2g}, " if abs(log_ratio) < _NAMED else ""
        lines.append(
            f"{start}: {top['name']}, {ratio}ln {log_ratio:z.2f}, "
            f"{found['variants'][top['name']]['evidence']}."
        )
    lines += [_about(v, found["variants"][v["name"]]) for v in variants]
    fit = ", ".join(f"{word} from {sigma:g}" for sigma, word in reversed(_FIT))
    evidence = ", ".join(f"{word} from {log:g}" for log, word in reversed(_EVIDENCE))
    lines.append(
        f"Words: fit by its local significance in sigma, {fit}, else {_NO_BETTER} than the SM; "
        f"evidence by |ln Z/Z_SM|, {evidence}, else {_INCONCLUSIVE}; a data set speaks for a model "
        f"or against it from {_SPEAKS:g} unit of -2 ln L; the box of the prior counts in ln Z."
    )
    return lines


def _leader(v: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    close = found["as_good"]
    text = (
        f"Best fit: {v['name']}, Delta chi2 {v['best']['delta_chi2']:z.2f} against the SM for "
        f"{v['parameters']} parameter{'s' * (v['parameters'] != 1)}, {v['significance']:.1f} sigma"
    )
    if close:
        text += f"; within {_APART:g} of it, as good: {', '.join(close)}"
    return f"{text}."


def _about(v: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    text = (
        f"{v['name']}: {verdict['fit']} than the SM ({v['significance']:.1f} sigma), evidence "
        f"{verdict['evidence']} ({v['evidence']['log_ratio']:z.2f})"
    )
    if verdict["evidence_doubled_box"] != verdict["evidence"]:
        text += f", {verdict['evidence_doubled_box']} in the doubled box"
    for side in ("for", "against"):
        names = [f"{name} {v['data_sets'][name]['delta']:+.1f}" for name in verdict[f"data_{side}"]]
        text += f"; data {side} it: {', '.join(names) or 'none'}"
    return f"{text}."
