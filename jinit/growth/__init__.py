"""Larger networks out of trained ones, wider or deeper, and smaller ones.

Trees of weights become trees of weights, of any framework. What keeps the function that
the network computes says so: `net2wider`, `net2deeper`, `hyperclone`, and `gradmax`.
"""

from .depth import (
    interpolate_layers as interpolate_layers,
    stack_layers as stack_layers,
)
from .gradmax import gradmax as gradmax
from .hyperclone import hyperclone as hyperclone
from .net2deeper import net2deeper as net2deeper
from .net2wider import net2wider as net2wider
from .weight_selection import weight_selection as weight_selection
