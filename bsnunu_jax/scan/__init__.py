"""Scans: many points of a model, their observables and likelihoods, chunk by chunk to disk."""

from bsnunu_jax.scan.store import open_scan as open_scan
