"""Sparse layers: masks, their densities, and weights by what is left."""
