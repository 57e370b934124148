"""The heaviest schemes of the families beside public implementations, and their memory.

    python benchmarks/families.py

Peers are installed by hand: `pip install torch peft reservoirpy s5-pytorch
performer-pytorch`; what is not installed is left out. A program's memory is what XLA
takes beside the output, as a multiple of it.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from timing import show, side_by_side

import jinit
from jinit import low_rank, ssm


Peers = dict[str, Callable[[], Any]]
N = 512
KEY = jax.random.key(0)


def pissa() -> Peers:
    """Singular vectors of a weight as factors of rank 16."""
    import torch
    from peft import LoraConfig
    from peft.tuners.lora.layer import Linear

    w = jax.random.normal(KEY, (N, N)) / N**0.5
    base = torch.nn.Linear(N, N, bias=False)
    original = torch.tensor(np.asarray(w).T.copy())

    def peft() -> Any:
        base.weight.data = original.clone()
        config = LoraConfig(r=16, lora_alpha=16, init_lora_weights="pissa")
        return Linear(base, "default", config, r=16, lora_alpha=16)

    return {"jinit": lambda: low_rank.pissa(w, rank=16), "peft": peft}


def reservoir() -> Peers:
    """A sparse random reservoir of spectral radius 0.9."""
    from reservoirpy.mat_gen import normal

    init = jinit.get("reservoir.random_sparse")(radius=0.9, density=0.1)
    return {
        "jinit": lambda: init(KEY, (N, N)),
        "reservoirpy": lambda: normal(N, N, sr=0.9, connectivity=0.1, seed=0),
    }


def hippo() -> Peers:
    """HiPPO-LegS in the basis where it is diagonal plus low rank, 256 states."""
    from s5.init import make_DPLR_HiPPO

    return {
        "jinit": lambda: ssm.dplr("legs", 256),
        "s5-pytorch": lambda: make_DPLR_HiPPO(256),
    }


def features() -> Peers:
    """4096 orthogonal random features of 64 inputs."""
    import torch
    from performer_pytorch.performer_pytorch import gaussian_orthogonal_random_matrix

    init = jinit.get("features.orthogonal")
    return {
        "jinit": lambda: init(KEY, (64, 4096)),
        "performer": lambda: gaussian_orthogonal_random_matrix(
            4096, 64, device=torch.device("cpu")
        ),
    }


def sparse() -> Peers:
    """A sparse start: nine tenths of every column are 0."""
    import torch

    init = jinit.compat.torch.sparse_(0.9)
    return {
        "jinit": lambda: init(KEY, (N, N)),
        "torch": lambda: torch.nn.init.sparse_(torch.empty(N, N), 0.9),
    }


def rows() -> Iterator[list[str]]:
    """What each scheme takes, and its peer, in milliseconds."""
    for scheme in (pissa, reservoir, hippo, features, sparse):
        with contextlib.suppress(ImportError):
            took = side_by_side(scheme(), rounds=5)
            ours, theirs = took.values()
            named = [*took][1]
            yield [
                str(scheme.__doc__),
                f"{1e3 * ours:.1f}",
                f"{1e3 * theirs:.1f} ({named})",
                f"{theirs / ours:.2g}x",
            ]


def memory() -> Iterator[list[str]]:
    """What XLA takes beside the output of every law that draws a square matrix."""
    for name in filter(lambda name: "." in name, jinit._core.initializer.laws.names()):
        init, size = jinit.get(name), N * N * jnp.dtype(jnp.float32).itemsize
        with contextlib.suppress(
            TypeError, ValueError
        ):  # it needs settings, or a shape
            draw = jax.jit(lambda key, init=init: init(key, (N, N)))
            used = draw.lower(KEY).compile().memory_analysis().temp_size_in_bytes
            yield [name, f"{used / size:.2f}"]


if __name__ == "__main__":
    head = ["scheme", "jinit (ms)", "peer (ms)", "faster"]
    show("Schemes beside their public implementations", head, [*rows()])
    show(f"Temporary memory at {N} × {N}", ["law", "× its output"], [*memory()])
