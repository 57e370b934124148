"""Attention weights and tables of positions."""
