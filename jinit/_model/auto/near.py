"""Numbers that samples tell, and the exact ones that they are near."""

import math


CLOSE = 0.05  # what samples tell is good to this: nearer than that, a formula's holds


def near(value: float, wanted: float, within: float = CLOSE) -> bool:
    """Whether a number is another but for chance."""
    return math.isclose(value, wanted, rel_tol=within)


def whole(second: float) -> float:
    """A second moment of 1 where it is that but for chance; else its three digits."""
    return 1.0 if near(second, 1.0) else float(f"{second:.3g}")
