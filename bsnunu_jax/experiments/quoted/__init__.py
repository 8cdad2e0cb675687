"""Quoted numbers, limits and curves as likelihoods."""
