"""Spiking networks, by how their membranes fluctuate."""

from .fluctuation import fluctuation_driven as fluctuation_driven
