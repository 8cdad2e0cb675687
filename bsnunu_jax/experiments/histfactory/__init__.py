"""HistFactory models."""
