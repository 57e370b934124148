"""A graph network: messages along edges, summed over groups, in Haiku."""

import haiku as hk
import jax
import jax.numpy as jnp

from .entry import entry, image, text


WIDTH, NODES, EDGES = 64, 16, 96


def mlp(x: jax.Array, name: str) -> jax.Array:
    x = hk.nets.MLP([WIDTH, WIDTH], name=name)(x)
    return hk.LayerNorm(-1, True, True, name=f"{name}_norm")(x)


def graph_network(
    nodes: jax.Array, edges: jax.Array, senders: jax.Array, receivers: jax.Array
) -> jax.Array:
    """Encode, process, decode (Sanchez-Gonzalez et al.), one number per graph."""
    nodes, edges = mlp(nodes, "encode_nodes"), mlp(edges, "encode_edges")
    for i in range(3):
        ends = [edges, nodes[senders], nodes[receivers]]
        messages = mlp(jnp.concatenate(ends, -1), f"edges_{i}")
        heard = jax.ops.segment_sum(messages, receivers, NODES)
        update = mlp(jnp.concatenate([nodes, heard], -1), f"nodes_{i}")
        nodes, edges = nodes + update, edges + messages
    return hk.Linear(1, name="decode")(nodes.sum(0, keepdims=True))


@entry(
    (image(NODES, 8), image(EDGES, 4), text(EDGES), text(EDGES)),
    unsure=("*nodes_?*",),
    ids=16,
)
def graph_net() -> hk.Transformed:
    """A node hears 6 edges on average: a sum over a group has as many terms as edges
    per node, the read-out as many as nodes. Norms at the ends of branches.
    """
    return hk.without_apply_rng(hk.transform(graph_network))
