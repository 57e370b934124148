"""Models of every framework as functions of their weights."""
