"""Scalar dark matter: annihilation into mesons, its thermal average, freeze-out, CMB."""
