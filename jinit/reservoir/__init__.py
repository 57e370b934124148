"""Reservoirs of echo state networks, by their spectral radius."""
