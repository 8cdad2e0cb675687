"""Published results from Belle II's likelihood: signal strength, WET, two-body decay."""
