"""From one log-density: best fits, posteriors, profiles."""
