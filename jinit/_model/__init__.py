"""Initial weights for whole models."""
