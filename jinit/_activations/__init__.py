"""Activations: their names, their Gaussian moments, and the gains that answer them."""
