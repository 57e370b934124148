"""Initial weights that data decides."""
