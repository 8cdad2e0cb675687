"""Best fits and profiles."""
