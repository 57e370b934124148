"""Heads of networks that make the weights of others."""

from .hyperfan import (
    hyperfan_harmonic as hyperfan_harmonic,
    hyperfan_in as hyperfan_in,
    hyperfan_out as hyperfan_out,
)
