"""Heads of hypernetworks: layers that make the kernels and biases of other layers.

A kernel that is made keeps its signal as one that is drawn does,

    E w² = 1 / (fan_in E x²)

and where its bias is made as well, each brings half of E z².

References:
    Chang, Flokas, Lipson. Principled weight initialization for hypernetworks.
    ICLR 2020, section 4 (hyperfan-in). https://arxiv.org/abs/2312.08399
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ..._graph import Op, Scope
from ..._graph.samples import Samples
from ..._reading import count, Generated
from .near import whole


class Heads:
    """What the heads of a model are to make.

    A first pass over the model asks; then `settle`. A head of several kernels has one
    law for all, under which their product has the size that it is to have.

    Attributes:
        targets: E z² of what each is to make, by the path of its kernel.
        makes: What that is, in words.
    """

    def __init__(self, generated: Sequence[Generated]):
        self._products = {each.op: each for each in generated}
        self._asked: dict[str, list[float]] = {}
        biases = {each.bias.path for each in generated if each.bias}
        self.targets = dict.fromkeys(biases, 0.5)
        fans: dict[str, dict[str, None]] = {}  # in order, each once
        for each in generated:
            own = fans.setdefault(each.head.path, {})
            own |= {count(each.kernel.fan_in): None}
        self.makes = dict.fromkeys(biases, "makes a bias") | {
            path: f"makes a kernel of fan_in {' and '.join(own)}"
            for path, own in fans.items()
        }

    def resized(self, op: Op, scope: Scope, made: Samples) -> Samples:
        """What an operation makes once the kernel that it reads has its size."""
        each = self._products.get(op)
        if each is None or each.head.path in self.targets:
            return made
        kernel, signal = scope.get(each.kernel.value), scope.get(each.signal)
        reads = whole(signal.second) if signal.second and not signal.doubt else 1.0
        target = (0.5 if each.bias else 1.0) / (each.kernel.fan_in * reads)
        if not kernel.second > 0 or kernel.doubt:
            return made
        change = target / whole(kernel.second)
        self._asked.setdefault(each.head.path, []).append(change)
        rows = made.rows * change**0.5
        return dataclasses.replace(made, rows=rows, parts=None, places=())

    def settle(self) -> bool:
        """Whether nothing was asked since; else it is given from now on."""
        asked, self._asked = self._asked, {}
        for path, each in asked.items():
            self.targets[path] = math.exp(np.mean(np.log(each)))
        return not asked
