"""Lambda by its strength: the rate of one operator over that at Lambda = 1 TeV."""

SCALE = "Lambda"
