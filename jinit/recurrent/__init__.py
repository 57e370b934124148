"""Recurrent networks: kernels, and biases that set how long a gate remembers."""
