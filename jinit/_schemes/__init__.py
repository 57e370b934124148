"""The laws of weights, a family to a file."""
