"""The figures and numbers of arXiv:2309.12741, of the slides and of Belle II, computed anew."""

from bsnunu_jax.reproduce.items import ITEMS as ITEMS
