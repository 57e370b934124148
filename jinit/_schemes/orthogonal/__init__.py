"""Orthogonal matrices: the laws, and all that only they need."""
