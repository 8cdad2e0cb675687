"""Whatever stands in a card, the answer is a problem or one line that names the file."""

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bsnunu_jax.cards.run_card import Card, CardSchema
from bsnunu_jax.foundation.errors import InputError

QUIET = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**6), 10**6), st.floats(), st.text(max_size=8)
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
GOOD = {
    "title": "t",
    "model": "neutrinos",
    "inputs": {"preset": "default", "nuisances": ["ckm"]},
    "parameters": {"CR_tautau": {"prior": {"uniform": [-30, 30]}}},
    "data": ["belle2_2023_br"],
    "best_fit": {"starts": 2},
    "sampler": {"chains": 2, "draws": 100},
    "seed": 1,
}


def load(path) -> Card | str:
    """The card, or the message of the refusal."""
    try:
        return Card(path)
    except InputError as error:
        return str(error)


def read(folder, content) -> Card | None:
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    card = load(path)
    if isinstance(card, Card):
        return card
    assert card.startswith(str(path))
    assert "\n" not in card
    return None


@QUIET
@given(content=st.dictionaries(st.sampled_from(sorted(CardSchema.model_fields)), trees))
def test_random_sections(tmp_path, content):
    read(tmp_path, content)


@QUIET
@given(section=st.sampled_from(sorted(GOOD)), content=trees)
def test_one_section_replaced(tmp_path, section, content):
    read(tmp_path, GOOD | {section: content})


@QUIET
@given(text=st.text(max_size=80))
def test_random_text(tmp_path, text):
    path = tmp_path / "card.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    card = load(path)
    assert isinstance(card, Card) or "\n" not in card


@QUIET
@given(
    low=st.floats(-1e3, 1e3),
    width=st.floats(1e-3, 1e3),
    seed=st.integers(0, 2**31 - 1),
    chains=st.integers(1, 8),
)
def test_good_numbers_survive_the_round_trip(tmp_path, low, width, seed, chains):
    content = GOOD | {
        "parameters": {"CR_tautau": {"prior": {"uniform": [low, low + width]}}},
        "seed": seed,
        "sampler": {"chains": chains},
    }
    card = read(tmp_path, content)
    assert card is not None
    resolved = yaml.safe_load(card.resolved)
    assert resolved["parameters"]["CR_tautau"]["prior"]["uniform"] == [low, low + width]
    assert (card.content.seed, card.sampler.chains) == (seed, chains)
