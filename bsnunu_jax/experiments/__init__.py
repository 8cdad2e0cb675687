"""Measurements and their log-likelihood terms."""

from bsnunu_jax.experiments.catalogue import load_measurements as load_measurements
from bsnunu_jax.experiments.catalogue import measurement_names as measurement_names
from bsnunu_jax.experiments.likelihood import log_likelihoods as log_likelihoods
from bsnunu_jax.experiments.measurement import Measurement as Measurement
from bsnunu_jax.experiments.predictions import Predictions as Predictions
