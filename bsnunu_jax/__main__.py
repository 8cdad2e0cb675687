"""`python -m bsnunu_jax` is the command `bsnunu`."""

from bsnunu_jax.cli import main

main()
