"""Cards, measurement files and WCxf files cannot ask for unbounded work, whatever is in them."""

import os
import resource
import time
from pathlib import Path

import pytest
import yaml

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.exchange.read import read_wcxf
from bsnunu_jax.experiments.catalogue import read_measurements
from bsnunu_jax.foundation.errors import InputError

READERS = {"card": Card, "measurements": read_measurements, "wcxf": read_wcxf}
CARD = """\
title: anchors
model: neutrinos
parameters:
  CR_tautau: &flat {prior: &prior {uniform: [-30, 30]}}
  CR_ee: *flat
  CR_mumu: {prior: {<<: *prior}, also: [CL_mumu]}
data: [belle2_2023_br]
"""


def chain(form: str, first: str, levels: int = 26) -> str:
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{i}: &a{i} " + form.format(f"*a{i - 1}") for i in range(1, levels)]
    return "\n".join(lines) + "\n"


BOMBS = {
    "doubling": chain("[{0}, {0}]", "[x, x]"),
    "doubling maps": chain("{{a: {0}, b: {0}}}", "{x: 1}"),
    "doubling merges": chain("{{<<: [{0}, {0}]}}", "{x: 1, y: 2}"),
    "wide": f"a: &a [{'x, ' * 1000}]\nb: [{'*a, ' * 10_000}]\n",
    "many aliases": f"a: &a x\nb: [{'*a, ' * 200_000}]\n",
    "long chain": chain("[{0}]", "[x]", 3000),
    "itself": "a: &a [*a]\n",
    "itself below": "a: &a {b: [{c: *a}]}\n",
    "itself merged": "a: &a {<<: *a}\n",
    "deep lists": "a: " + "[" * 50_000 + "]" * 50_000,
    "deep maps": '{"a": ' * 50_000 + "1" + "}" * 50_000,
    "deep blocks": "".join(" " * i + "a:\n" for i in range(1200)),
    "many keys": "".join(f"k{i}: 1\n" for i in range(100_000)),
    "many anchors": "".join(f"k{i}: &k{i} 1\n" for i in range(50_000)),
    "many numbers": f"a: [{'1, ' * 300_000}]",
    "long text": f"title: {'x' * 1_000_000}\n",
    "long key": f"{'x' * 900}: 1\n",
    "huge integer": f"title: x\nseed: {'9' * 5000}\n",
}


def refusal(reader, path: Path) -> str:
    """What is said, in one line of bounded length."""
    began = time.process_time()
    with pytest.raises(InputError) as caught:
        reader(path)
    assert time.process_time() - began < 2
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 1000
    assert text.startswith(str(path))
    return text


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused_at_once(tmp_path, bomb, kind):
    path = tmp_path / "bomb.yaml"
    path.write_text(BOMBS[bomb])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refusal(READERS[kind], path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


def test_anchors_and_merge_keys_still_work(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text(CARD)
    parameters = Card(path).content.parameters
    assert {p.prior.uniform for p in parameters.values()} == {(-30.0, 30.0)}
    # what is merged stands behind what the section says itself
    path.write_text(CARD.replace("{<<: *prior}", "{<<: *prior, uniform: [2, 1]}"))
    assert "card.yaml:6 (parameters.CR_mumu.prior.uniform): prior low 2" in refusal(Card, path)


@pytest.mark.parametrize("kind", READERS)
def test_pipes_and_devices_are_not_waited_for(tmp_path, kind):
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    assert "pipe or a device" in refusal(READERS[kind], fifo)
    assert "pipe or a device" in refusal(READERS[kind], Path("/dev/zero"))


@pytest.mark.parametrize("kind", READERS)
def test_large_files_and_impossible_names(tmp_path, kind):
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(2**30)
    assert "1,073,741,824 bytes; at most 1,048,576" in refusal(READERS[kind], large)
    with pytest.raises(InputError, match=r"null (byte|character)"):
        READERS[kind](Path("a\0b.yaml"))
    with pytest.raises(InputError, match="too long"):
        READERS[kind](tmp_path / ("n" * 300))


@pytest.mark.parametrize("name", ["n" * 300 + ".yaml", "a\0b.yaml", "fifo.yaml", "/dev/zero"])
def test_data_files_that_are_none(tmp_path, name):
    os.mkfifo(tmp_path / "fifo.yaml")
    path = tmp_path / "card.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(CARD) | {"data": [name]}))
    with pytest.raises(InputError) as caught:
        Card(path).stated
    assert "\n" not in str(caught.value)


def test_many_measurements_are_compared_in_linear_time(tmp_path):
    line = "- {id: m%d, title: t, observable: R_K_nunu, limit: 4.0, confidence_level: 0.9}"
    text = "\n".join(["measurements:", *(line % i for i in range(2400))])
    (tmp_path / "many.yaml").write_text(text)
    path = tmp_path / "card.yaml"
    path.write_text(CARD.replace("belle2_2023_br", "many.yaml"))
    began = time.process_time()
    assert len(Card(path).stated.measurements) == 2400
    assert time.process_time() - began < 4


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object:os.system x",
        "!!int abc",
        "!!float ''",
        "!!timestamp x",
        "!!bool x",
        "!!set {a}",
        "!own x",
    ],
)
def test_tags_are_refused(tmp_path, text):
    path = tmp_path / "card.yaml"
    path.write_text(CARD.replace("title: anchors", f"title: {text}"))
    assert "card.yaml:1: tags such as" in refusal(Card, path)
