"""Normalizing flows: invertible maps, and layers that start as the identity."""
