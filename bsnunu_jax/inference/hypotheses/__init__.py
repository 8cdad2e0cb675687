"""Tests, limits, toys, projections."""
