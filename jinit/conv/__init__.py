"""Convolution kernels with a shape of their own: upsampling, filters, single taps."""
