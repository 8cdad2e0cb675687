"""What `bsnunu` can do, one function a command; the command itself is `bsnunu_jax.cli`."""
