"""Cross sections times velocity in cm^3/s and in GeV^-2."""

HBAR_C = 1.973269804e-14  # GeV cm, CODATA 2018
SPEED_OF_LIGHT = 2.99792458e10  # cm/s
# What 1 GeV^-2 is: 2.4e-26 cm^3/s = 2.06e-9 GeV^-2.
CM3_PER_S = HBAR_C**2 * SPEED_OF_LIGHT
