"""Scalar dark matter with vector-like quarks, the model of the slides."""
