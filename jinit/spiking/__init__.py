"""Spiking networks, by how their membranes fluctuate."""
