"""What is wrong with a workspace is one line: file, channel, sample, modifier, what is allowed."""

import copy
import gzip
import math

import pytest
from workspaces import GOOD, LUMI, modifier, staterror, write

from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.json_files import read_json


def at(content, *keys):
    for key in keys:
        content = content[key]
    return content


def put(*keys, value):
    """A change of a workspace: `value` at the place that the keys lead to."""

    def change(content):
        at(content, *keys[:-1])[keys[-1]] = value

    return change


def add(*keys, value):
    return lambda content: at(content, *keys).append(value)


def drop(*keys):
    return lambda content: at(content, *keys[:-1]).pop(keys[-1])


SIGNAL = ("channels", 0, "samples", 0)
BKG = ("channels", 0, "samples", 1)
CONFIG = ("measurements", 0, "config")
SR = "channel 'SR'"
FLAWS = {
    "histosys of other length": (
        put(*SIGNAL, "modifiers", 1, "data", "hi_data", value=[4.5]),
        f"{SR}: sample 'signal': modifier 'j' (histosys): hi_data has 1 entry, the sample 2",
    ),
    "staterror of other length": (
        put(*BKG, "modifiers", 1, "data", value=[4.5]),
        f"{SR}: sample 'bkg': modifier 'mc' (staterror): data has 1 entry, the sample 2",
    ),
    "sample of other length": (
        put(*BKG, "data", value=[1.0]),
        f"{SR}: sample 'bkg': data has 1 entry, the channel 2",
    ),
    "no modifiers": (drop(*BKG, "modifiers"), f"{SR}: sample 'bkg': 'modifiers' is missing"),
    "no data": (
        drop(*BKG, "modifiers", 0, "data"),
        f"{SR}: sample 'bkg': modifier 'a': 'data' is missing",
    ),
    "NaN": (
        put(*SIGNAL, "data", 1, value=math.nan),
        f"{SR}: sample 'signal': data[1] is nan; a finite number",
    ),
    "infinity": (
        put(*SIGNAL, "data", 1, value=10**400),
        f"{SR}: sample 'signal': data[1] is {10**56!s}...; a finite number",
    ),
    "null": (put(*SIGNAL, "data", 0, value=None), "sample 'signal': data[0] is null; a number"),
    "true": (put(*SIGNAL, "data", 0, value=True), "sample 'signal': data[0] is True; a number"),
    "negative yield": (put(*SIGNAL, "data", 0, value=-1.0), "data[0] is -1; 0 or above"),
    "negative error": (put(*BKG, "modifiers", 1, "data", 0, value=-1.0), "data[0] is -1; 0 or"),
    "lo of 0": (
        put(*BKG, "modifiers", 0, "data", "lo", value=0.0),
        f"{SR}: sample 'bkg': modifier 'a' (normsys): lo is 0; a number above 0",
    ),
    "hi below 0": (put(*BKG, "modifiers", 0, "data", "hi", value=-2.0), "hi is -2"),
    "no bins": (put("channels", 0, "samples", 0, "data", value=[]), "data is empty"),
    "channel twice": (
        lambda w: w["channels"].append(w["channels"][0]),
        f"{SR}: stands twice; each name once",
    ),
    "sample twice": (
        lambda w: w["channels"][0]["samples"].append(w["channels"][0]["samples"][1]),
        f"{SR}: sample 'bkg': stands twice",
    ),
    "unknown type": (
        add(*BKG, "modifiers", value=modifier("spline", "x")),
        f"{SR}: sample 'bkg': modifier 'x': has the type 'spline'; supported: histosys, lumi, ",
    ),
    "unknown key": (put(*BKG, "colour", value=1), "sample 'bkg': unknown key 'colour'; keys: "),
    "data of a normfactor": (put(*SIGNAL, "modifiers", 0, "data", value=1), "data is 1; null"),
    "no observation": (drop("observations", 0), f"{SR}: has no observation"),
    "observation of other length": (
        put("observations", 0, "data", value=[1.0]),
        f"{SR}: has 2 bins, its observation 1",
    ),
    "negative counts": (put("observations", 0, "data", 1, value=-3), "data[1] is -3"),
    "no measurement": (put("measurements", value=[]), "measurements is empty"),
    "no measurements at all": (drop("measurements"), "'measurements' is missing"),
    "version": (put("version", value="2.0.0"), "version '2.0.0'; version 1.0.0"),
    "unknown poi": (
        put(*CONFIG, "poi", value="nu"),
        "measurement 'm': no parameter 'nu', its poi; j, mu, a, u, mc",
    ),
    "poi of many": (put(*CONFIG, "poi", value="mc"), "its poi 'mc' is a list of parameters"),
    "setting of another type": (
        put(*CONFIG, "parameters", value=[{"name": "mu", "auxdata": [1.0]}]),
        "parameter 'mu': a normfactor has no auxdata; inits, bounds, fixed",
    ),
    "setting of other length": (
        put(*CONFIG, "parameters", value=[{"name": "mc", "inits": [1.0]}]),
        "parameter 'mc': inits has 1 entries, the staterror 2",
    ),
    "parameter twice": (
        put(*CONFIG, "parameters", value=[{"name": "mu"}, {"name": "mu"}]),
        "parameter 'mu': stands twice",
    ),
    "no width": (
        put(*CONFIG, "parameters", value=[{"name": "mc", "sigmas": [1.0, 0.0]}]),
        "parameter 'mc': sigmas has 0; numbers above 0",
    ),
    "bounds that are no pair": (
        put(*CONFIG, "parameters", value=[{"name": "mu", "bounds": [[0.0]]}]),
        "parameter 'mu': bounds[0] has 1 entry",
    ),
    "fixed in words": (
        put(*CONFIG, "parameters", value=[{"name": "mu", "fixed": "yes"}]),
        "fixed is 'yes'; true or false",
    ),
    "one name of two types": (
        add(*BKG, "modifiers", value=modifier("shapefactor", "mu")),
        f"{SR}: sample 'bkg': modifier 'mu' (shapefactor): another modifier of this name is a "
        "normfactor",
    ),
    "a shapesys of two samples": (
        add(*BKG, "modifiers", value=modifier("shapesys", "u", [1, 1])),
        f"{SR}: sample 'bkg': modifier 'u' (shapesys): another sample has a shapesys of this name",
    ),
    "a shapefactor of a wider channel": (
        lambda w: (
            (
                [
                    s["modifiers"].append(modifier("shapefactor", "f"))
                    for c, s in (
                        (0, w["channels"][0]["samples"][1]),
                        (1, w["channels"][1]["samples"][0]),
                    )
                ]
                and w["channels"][0].update(name="A")
            )
            or w["observations"][0].update(name="A")
        ),
        "channel 'CR': sample 'bkg': modifier 'f' (shapefactor): the channel has 3 bins, the first "
        "with this name 2",
    ),
    "a staterror in other channels of its samples": (
        lambda w: [
            add("channels", 1, "samples", 0, "modifiers", value=staterror("mc", [1, 1, 1]))(w),
            add(*SIGNAL, "modifiers", value=staterror("mc", [1, 1]))(w),
        ],
        f"{SR}: sample 'signal': modifier 'mc' (staterror): acts on other channels than on the "
        "sample 'bkg'",
    ),
    "luminosity without settings": (
        add(*BKG, "modifiers", value=modifier("lumi", "lumi")),
        "measurement 'm': parameter 'lumi' needs auxdata in the measurement",
    ),
    "luminosity of another name": (
        add(*BKG, "modifiers", value=modifier("lumi", "intensity")),
        "modifier 'intensity' (lumi): has another name than 'lumi'",
    ),
    "counts that nothing gives": (
        lambda w: [
            put(*SIGNAL, "data", value=[4.0, 0.0])(w),
            put(*SIGNAL, "modifiers", 1, "data", value={"hi_data": [5, 0], "lo_data": [3, 0]})(w),
            put(*BKG, "data", value=[30.0, 0.0])(w),
        ],
        f"{SR}: bin 1 has 21 events and can expect none",
    ),
    "no workspace": (lambda w: w.clear(), "is no pyhf workspace; a mapping with the keys channels"),
    "HS3": (put("distributions", value=[]), "is an HS3 file; pyhf workspaces"),
    "name of a channel": (put("channels", 0, "name", value=3), "channel 3: name is 3; a text"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_flaws_are_refused(tmp_path, flaw):
    change, message = FLAWS[flaw]
    content = copy.deepcopy(GOOD)
    change(content)
    path = write(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_workspace(path)
    assert f"{path}: " in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is no pyhf workspace (Expecting property name"),
        (b"", "is no pyhf workspace (Expecting value"),
        (b"\xff\x00\xfe", "is no pyhf workspace"),
        (b"[" * 100_000, "is no pyhf workspace (nested too deeply)"),
        (b'{"a": 1, "a": 2}', "key 'a' stands twice; keep one"),
        (gzip.compress(b"{}" * 100)[:-9], "damaged gzip"),
        (b"\x1f\x8b123", "damaged gzip"),
        (b"[1]", "is no pyhf workspace; a mapping"),
        (b"1" * 5000, "is no pyhf workspace (Exceeds the limit"),
    ],
)
def test_broken_files(tmp_path, content, message):
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_workspace(path)
    assert message in str(caught.value)


def test_what_is_no_file(tmp_path, monkeypatch):
    for name, message in (
        ("none.json", "no such file"),
        (".", "is a directory"),
        ("\0", "no such"),
    ):
        with pytest.raises(InputError, match=message):
            read_workspace(tmp_path / name)
    monkeypatch.setattr("bsnunu_jax.foundation.json_files.MAX_BYTES", 1000)
    path = tmp_path / "long.json"
    path.write_bytes(gzip.compress(b" " * 10_000))
    with pytest.raises(InputError, match="more than 1,000 bytes"):
        read_json(path)


def test_settings_of_the_luminosity(tmp_path):
    content = copy.deepcopy(GOOD)
    content["channels"][0]["samples"][1]["modifiers"].append(modifier("lumi", "lumi"))
    for key in ("auxdata", "sigmas", "inits"):
        settings = {k: v for k, v in LUMI.items() if k != key}
        content["measurements"][0]["config"]["parameters"] = [settings]
        with pytest.raises(InputError, match=f"'lumi' needs {key}"):
            read_workspace(write(tmp_path, content))
