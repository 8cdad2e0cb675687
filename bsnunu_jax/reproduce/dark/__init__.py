"""Dark matter: planes of mass and scale (Figs. 4 to 6), spectra (Figs. 7, 8 and slides)."""
