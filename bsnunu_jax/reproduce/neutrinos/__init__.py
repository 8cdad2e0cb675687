"""Neutrino coefficients: R_K against R_K*, planes of C_R, charged leptons (Figs. 1 to 3)."""
