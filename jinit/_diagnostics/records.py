"""What a batch shows at one layer, as plain numbers."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Histogram:
    """Counts in equal bins from `low` to `high`; the end bins hold what lies beyond."""

    counts: tuple[int, ...]
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class LayerProbe:
    """What the batch shows at one layer.

    Attributes:
        name: The layer, by the path of its kernel.
        path: The kernel's path in the parameters.
        shape: The shape of the pre-activation z.
        fan_in: Terms summed into one entry of z.
        fan_out: Entries of z that one input entry takes part in.
        weight_variance: fan_in · E w².
        hidden: Whether another layer reads this one.
        before: The numbers of the layers that feed it; none if it reads the input.
        in_branch: Whether it is in a residual branch.
        closes: Whether it ends one.
        recurrent: Whether it reads what it made itself, one step before.
        signal_second_moment: E x² of what it reads.
        equal_signal: Whether all units that it reads are alike.
        mean: E z.
        std: The standard deviation of z.
        second_moment: E z².
        activation: The name of the activation φ that follows, up to a positive factor;
            "other" for an element-wise function without a name, None where there is no
            single one.
        normalized: Whether φ acts on z normalized by statistics of this batch; stored
            averages, as a batch norm has them in evaluation mode, keep no scale.
        activation_std: The standard deviation of φ, or of z where φ is None.
        saturated: The share of entries where |φ′| is below 5 % of the largest |φ′|.
        dead: The share of units whose φ′ is 0 on the whole batch.
        gradient_std: The standard deviation of the gradient at z; None where JAX can
            not differentiate what follows, such as a callback.
        ratio: rms z over that of the layer before, or of the input.
        predicted_ratio: The same by the variance map, where φ is known.
        gradient_ratio: Gradient std over that of the layer after.
        predicted_gradient_ratio: The same by mean-field theory, where φ is known.
        equal_units: Whether all units have equal weights and equal gradients.
        activation_histogram: The entries of φ, or of z where φ is None.
        gradient_histogram: The entries of the gradient at z.
        predicted_signal_second_moment: E x² of what it reads, by the plan.
        predicted_second_moment: E z², by the plan.
        doubt: Why the plan is not sure of these; "" where it is.
    """

    name: str
    path: str
    shape: tuple[int, ...]
    fan_in: float
    fan_out: float
    weight_variance: float
    hidden: bool
    before: tuple[int, ...]
    in_branch: bool
    closes: bool
    recurrent: bool
    signal_second_moment: float
    equal_signal: bool
    mean: float
    std: float
    second_moment: float
    activation: str | None
    normalized: bool
    activation_std: float
    saturated: float | None
    dead: float | None
    gradient_std: float | None
    ratio: float | None
    predicted_ratio: float | None
    gradient_ratio: float | None
    predicted_gradient_ratio: float | None
    equal_units: bool
    activation_histogram: Histogram
    gradient_histogram: Histogram
    predicted_signal_second_moment: float | None = None
    predicted_second_moment: float | None = None
    doubt: str = ""
