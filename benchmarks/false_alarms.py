"""How often `jinit.testing.assert_law` rejects laws that hold: it should be never.

    python benchmarks/false_alarms.py [runs]

Every run takes a law, a shape and a key of its own. At the default `alpha`, of 10⁻⁶ for
each of some forty checks, 1000 runs give an alarm once in 25 times that this is done.
"""

import itertools
import sys

import jax

import jinit
from jinit.testing import assert_law


LAWS = [
    jinit.normal(1.0),
    jinit.uniform(1.0),
    jinit.truncated_normal(1.0),
    jinit.glorot_uniform,
    jinit.he_normal,
]
SHAPES = [(50, 40), (8, 10, 30), (2500,)]


def alarms(runs: int) -> list[str]:
    """What was said in so many runs."""
    said = []
    cases = itertools.cycle(itertools.product(LAWS, SHAPES))
    for number, (init, shape) in zip(range(runs), cases, strict=False):
        if len(shape) == 1 and "fans" in init.law.parameters:
            init = init(fans=(100, 100))
        try:
            assert_law(init, shape, jax.random.key(number))
        except AssertionError as alarm:
            said.append(f"{number}: {alarm}")
            print(said[-1], flush=True)
    return said


if __name__ == "__main__":
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"{len(alarms(runs))} false alarms in {runs} runs")
