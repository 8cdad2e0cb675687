"""Measurement files: every value of the wrong type or size is refused at its key."""

import pytest
from refusals import says

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.experiments.catalogue import read_measurements

CARD = """\
title: a small fit
model: neutrinos
parameters: {CR_tautau: {prior: {uniform: [-30, 30]}}}
data: [data.yaml]
"""
VALUE = "{id: a, title: t, observable: BR(B+->K+inv), value: 1e-5, errors: [[1e-6, -1e-6]]}"
LIMIT = "{id: a, title: t, observable: BR(B+->K+inv), limit: 1.6e-5, confidence_level: 0.9}"
COUNT = (
    "{id: a, title: t, mode: B+->K+, limit: 1.6e-5, confidence_level: 0.9, observed: 83, "
    "background: 65.3, background_std: 3.4}"
)
PAIR = (
    "{id: a, title: t, observables: [R_K_nunu, BR(B+->K+inv)], values: [1, 1e-5], "
    "errors: [0.1, 1e-6], correlation: [[1, 0.2], [0.2, 1]]}"
)
CURVE = (
    "{id: a, title: t, observable: R_K_nunu, curve: {values: [0, 1, 2, 3], "
    "likelihood: [0.1, 1, 0.5, 0.2]}}"
)
KINDS = (
    "a count: mode, limit, confidence_level, observed, background, background_std; a value: "
    "observable, value, errors; a limit: observable, limit, confidence_level; a curve: "
    "observable, curve; correlated values: observables, values, errors, "
    "correlation"
)

MEASUREMENT_FLAWS = [  # entry, old, new, key, message
    (LIMIT, "0.9", "90", "confidence_level", "must be less than 1, got 90"),
    (LIMIT, "0.9", "0", "confidence_level", "must be greater than 0"),
    (LIMIT, "0.9", "1", "confidence_level", "must be less than 1"),
    (LIMIT, "0.9", "1e-300", "confidence_level", "write 0.9 for 90 %"),
    (LIMIT, "0.9", "'0.9'", "confidence_level", "expected a number, got '0.9'"),
    (LIMIT, "0.9", "true", "confidence_level", "expected a number, got True"),
    (LIMIT, "1.6e-5", "1e-300", "limit", "too small"),
    (LIMIT, "1.6e-5", "1e300", "limit", "between -1e+100"),
    (LIMIT, "1.6e-5", "0x10", "limit", "expected a number, got '0x10'"),
    (LIMIT, "1.6e-5", "1:30", "limit", "expected a number, got '1:30'"),
    (LIMIT, "limit: 1.6e-5", "limit: 1e-5, value: 2e-5", "value", "unknown key 'value' of a limit"),
    (COUNT, "0.9", "90", "confidence_level", "must be less than 1, got 90"),
    (COUNT, "83", "83.5", "observed", "expected a whole number of events, got 83.5"),
    (COUNT, "83", "-1", "observed", "greater than or equal to 0"),
    (COUNT, "83", "true", "observed", "expected a number, got True"),
    (COUNT, "83", "1e300", "observed", "less than or equal to 1000000000"),
    (COUNT, "65.3", "-1", "background", "greater than or equal to 0"),
    (COUNT, "65.3", "'65.3'", "background", "expected a number"),
    (COUNT, "3.4", "-3.4", "background_std", "greater than"),
    (COUNT, "3.4", "yes", "background_std", "expected a number, got 'yes'"),
    (VALUE, "1e-5,", "true,", "value", "expected a number, got True"),
    (VALUE, "1e-5,", "'1e-5',", "value", "expected a number, got '1e-5'; drop the quotes"),
    (VALUE, "1e-5,", "1_000,", "value", "got '1_000'; write digits"),
    (VALUE, "1e-5,", "1e200,", "value", "between -1e+100"),
    (VALUE, "[1e-6, -1e-6]", "[1e-300, -1e-300]", "errors", "too small"),
    (VALUE, "[1e-6, -1e-6]", "[1e-30, -1e-6]", "errors", "1e-30 is too small for a value of 1e-05"),
    (VALUE, "[1e-6, -1e-6]", "[true, false]", "errors.0.0", "expected a number, got True"),
    (VALUE, "[[1e-6, -1e-6]]", "[]", "errors", "at least one entry"),
    (VALUE, "title: t", "title: 3", "title", "expected text, got 3; put it in quotes"),
    (VALUE, "id: a", "id: 1", "id", "expected text, got 1; put it in quotes"),
    (VALUE, "title: t", "title: t, arxiv: 2311.14647", "arxiv", "expected text, got 2311.14647"),
    (VALUE, "title: t", "title: t, unverified: yes", "unverified", "expected true or false"),
    (VALUE, "title: t", "title: t, samples: [x, x]", "samples", "'x' stands twice"),
    (PAIR, "BR(B+->K+inv)", "R_K_nunu", "observables.1", "are one observable"),
    (
        PAIR,
        "[R_K_nunu, BR(B+->K+inv)]",
        "[BR(B+->K+inv), BR(B+->Knunu)]",
        "observables.1",
        "'BR(B+->Knunu)' and 'BR(B+->K+inv)' are one observable",
    ),
    (PAIR, "[0.1, 1e-6]", "[0.1, 0]", "errors.1", "greater than 0"),
    (PAIR, "[0.1, 1e-6]", "[0.1, 1e-300]", "errors.1", "too small"),
    (PAIR, "[1, 1e-5]", "[1]", "values", "2 observables need 2 values and 2 errors"),
    (PAIR, "[0.2, 1]]", "[0.3, 1]]", "correlation", "no positive symmetric 2 x 2 matrix"),
    (PAIR, "[[1, 0.2], [0.2, 1]]", "[[1, 1], [1, 1]]", "correlation", "no positive symmetric"),
    (PAIR, "[[1, 0.2], [0.2, 1]]", "[[4, 0.2], [0.2, 1]]", "correlation", "no positive symmetric"),
    (PAIR, "[[1, 0.2], [0.2, 1]]", "[[1, 0.2]]", "correlation", "no positive symmetric"),
    (PAIR, "[[1, 0.2], [0.2, 1]]", "[[1, yes], [yes, 1]]", "correlation.0.1", "expected a number"),
    (CURVE, "[0, 1, 2, 3]", "[0, 2, 1, 3]", "curve.values", "do not increase"),
    (CURVE, "[0, 1, 2, 3]", "[0, 1, 1, 3]", "curve.values", "do not increase"),
    (CURVE, "[0, 1, 2, 3]", "[0, 1, 1.0000000000000002, 3]", "curve.values", "closer than"),
    (CURVE, "[0, 1, 2, 3]", "[0, 1, 2]", "curve.values", "at least"),
    (CURVE, "0.1, 1,", "1, 0.1,", "curve.likelihood", "fall towards both ends"),
    (CURVE, "0.1, 1,", "0, 1,", "curve.likelihood.0", "greater than 0"),
    (CURVE, "0.1, 1,", "true, 1,", "curve.likelihood.0", "expected a number, got True"),
]


@pytest.mark.parametrize(("entry", "old", "new", "key", "message"), MEASUREMENT_FLAWS)
def test_measurement_files(tmp_path, entry, old, new, key, message):
    assert old in entry
    path = tmp_path / "data.yaml"
    path.write_text("sm_spectrum: true\nmeasurements:\n- " + entry)
    read_measurements(path)
    path.write_text("sm_spectrum: true\nmeasurements:\n- " + entry.replace(old, new, 1))
    text = says(read_measurements, path)
    assert text.startswith(f"{path}:3 (measurements.0.{key}): ")
    assert message in text


@pytest.mark.parametrize(
    "entry",
    [
        VALUE.replace("errors", "limit: 3e-5, confidence_level: 0.9, errors"),
        "{id: a, title: t, mode: B+->K+, value: 1e-5, errors: [[1e-6, -1e-6]]}",
        "{id: a, title: t, mode: B+->K+, observable: BR(B+->K+inv), limit: 1e-5}",
        "{id: a, title: t, observable: BR(B+->K+inv)}",
        "{id: a, title: t}",
        "{id: a, title: t, limit: 1e-5, confidence_level: 0.9}",
        LIMIT.replace("limit: 1.6e-5", "limit: 1e-5, observed: 3"),
        PAIR.replace("values", "value"),
    ],
)
def test_an_entry_of_no_kind_lists_the_kinds_with_their_keys(tmp_path, entry):
    path = tmp_path / "data.yaml"
    path.write_text("measurements:\n- " + entry)
    text = says(read_measurements, path)
    assert text.startswith(f"{path}:2 (measurements.0")
    assert KINDS in text


def test_a_misspelt_key_of_a_clear_kind_is_named_alone(tmp_path):
    path = tmp_path / "data.yaml"
    path.write_text("measurements:\n- " + COUNT.replace("background_std", "background_sd"))
    text = says(read_measurements, path)
    assert "(measurements.0.background_sd): unknown key 'background_sd'; allowed: " in text
    assert "background_std" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("measurements: []", ":1 (measurements): expected at least one entry, got []"),
        ("measurements:", ":1 (measurements): expected a list, got None"),
        ("measurements: {a: 1}", ":1 (measurements): expected a list"),
        (f"measurements:\n- {LIMIT}\n- {VALUE}", ":3 (measurements.1.id): the id 'a' stands twice"),
        (f"sm_spectrum: yes\nmeasurements: [{LIMIT}]", ":1 (sm_spectrum): expected true or false"),
    ],
)
def test_whole_measurement_files(tmp_path, text, message):
    path = tmp_path / "data.yaml"
    path.write_text(text)
    assert says(read_measurements, path).startswith(f"{path}{message}")


def test_fractional_numbers_of_events_must_be_said_so(tmp_path):
    path = tmp_path / "data.yaml"
    text = "measurements:\n- " + COUNT.replace("83", "83.5, fractional: true")
    path.write_text(text)
    assert read_measurements(path)[0].observed == 83.5
    path.write_text(text.replace("83.5", "83.0").replace(", fractional: true", ""))
    assert read_measurements(path)[0].observed == 83


def test_counts_with_a_very_wide_background_have_an_efficiency(tmp_path):
    """No events and 0 +- 1e6: the likelihood is half a Gaussian, 90 % of it below 1.645 widths."""
    data, path = tmp_path / "data.yaml", tmp_path / "card.yaml"
    path.write_text(CARD)
    wide = COUNT.replace("83", "0").replace("65.3", "0").replace("3.4", "1e6")
    data.write_text("measurements:\n- " + wide)
    (found,) = Card(path).stated.measurements
    assert found.events_per_br * 1.6e-5 == pytest.approx(1.6448536e6, rel=1e-4)
