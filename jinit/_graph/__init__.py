"""A computation as data: operations on numbered values, read from a jaxpr."""
