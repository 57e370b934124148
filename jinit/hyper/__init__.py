"""Heads of hypernetworks, by the fans of the weights that they make."""
