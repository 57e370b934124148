"""Random features of kernels."""
