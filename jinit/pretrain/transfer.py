"""Pre-trained layers as the weights of a model."""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .._core import (
    glob,
    Listed,
    named_leaves,
    nearest,
    public,
    replaced,
    shown,
    Texts,
    Tree,
)
from .autoencoder import Autoencoder
from .dense import Dense
from .machine import RBM


_WHERE = "jinit.pretrain.transfer"


@public("jinit.pretrain")
def transfer(layers: Listed, params: Tree, paths: Texts) -> Any:
    """Puts pre-trained weights and hidden biases into a model's parameters.

    Args:
        layers: What `jinit.pretrain.dbn` or `denoising_autoencoder` returned, from the
            data up, or the layers of an `unroll`.
        params: Parameters of any framework, with a `kernel` `(inputs, outputs)` and a
            `bias` in each of the dense layers.
        paths: Of each layer the path of its module, such as "Dense_0" or
            "encoder/Dense_0": a glob that fits one module.

    Returns:
        The tree. New leaves keep dtype and sharding; all others are the same objects.

    Raises:
        TypeError: When `layers` is no sequence of layers.
        ValueError: When a path fits no module, or several, or one of another shape, or
            `layers` and `paths` differ in number.

    Example:
        >>> import jax, jinit.pretrain
        >>> v = jax.random.bernoulli(jax.random.key(0), 0.3, (200, 12))
        >>> layers, _ = jinit.pretrain.dbn(v, [8, 4], jax.random.key(1), epochs=2)
        >>> import flax.linen as nn
        >>> class MLP(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x):
        ...         for width in (8, 4):
        ...             x = nn.sigmoid(nn.Dense(width)(x))
        ...         return nn.Dense(10)(x)
        >>> params = MLP().init(jax.random.key(2), v[:1] * 1.0)
        >>> params = jinit.pretrain.transfer(layers, params, ["Dense_0", "Dense_1"])
        >>> bool((params["params"]["Dense_1"]["kernel"] == layers[1].weights).all())
        True
    """
    if not all(isinstance(each, RBM | Autoencoder | Dense) for each in layers):
        raise TypeError(
            f"`{_WHERE}` needs a sequence of pre-trained layers: the first of the two "
            f"that `dbn` and `denoising_autoencoder` return. Got {shown(layers)}."
        )
    if len(layers) != len(paths):
        raise ValueError(
            f"`{_WHERE}` needs a path for each layer. Got {len(layers)} layers and "
            f"{len(paths)} paths."
        )
    leaves = named_leaves(params)
    new = {}
    for layer, path in zip(layers, paths, strict=True):
        dense = layer if isinstance(layer, Dense) else layer.up
        module = _module(path, list(leaves))
        for name, value in (("kernel", dense.weights), ("bias", dense.bias)):
            new[f"{module}{name}"] = _like(leaves, f"{module}{name}", value)
    return replaced(params, new)


def _module(path: str, leaves: Sequence[str]) -> str:
    """The one module that fits, with the slash behind it."""
    found = list(_modules(path, leaves))
    if len(found) != 1:
        modules = [leaf.rpartition("/")[0] for leaf in leaves]
        those = ", ".join(found) or f"none{nearest(path, modules)}"
        raise ValueError(
            f"`{_WHERE}` needs paths that fit one module with a kernel. {path!r} fits "
            f"{those}. The leaves are: {', '.join(leaves)}."
        )
    return found[0]


def _modules(path: str, leaves: Sequence[str]) -> Iterator[str]:
    pattern = glob(f"{path}/kernel" if path else "/kernel")
    yield from (leaf.removesuffix("kernel") for leaf in leaves if pattern.matches(leaf))


def _like(leaves: dict[str, Any], path: str, value: jax.Array) -> jax.Array:
    if path not in leaves:
        raise ValueError(
            f"`{_WHERE}` needs a bias to put the hidden biases in. Got no {path!r}."
        )
    old = leaves[path]
    if old.shape != value.shape:
        raise ValueError(
            f"`{_WHERE}` needs layers of the model's shapes. Got {value.shape} for "
            f"{path!r}, which has {old.shape}."
        )
    new = jnp.asarray(value, old.dtype)
    sharding = getattr(old, "sharding", None)
    return new if sharding is None else jax.device_put(new, sharding)
