"""Many runs of a model side by side, what is kept of them, and what seeds allow."""

from .best import (
    best_rates as best_rates,
    edges as edges,
    Interval as Interval,
    LEVEL as LEVEL,
    mean_of_seeds as mean_of_seeds,
    trend as trend,
)
from .kept import (
    Kept as Kept,
    kept as kept,
    Reached as Reached,
    reached as reached,
    Run as Run,
)
from .lines import (
    BAD as BAD,
    End as End,
    FAINT as FAINT,
    GOOD as GOOD,
    INK as INK,
    label_ends as label_ends,
    quiet as quiet,
    sized as sized,
)
from .panels import draw_losses as draw_losses, Sweep as Sweep
from .runs import (
    Losses as Losses,
    PARTS as PARTS,
    Runs as Runs,
    side_by_side as side_by_side,
    TAIL as TAIL,
)
from .step import (
    Batch as Batch,
    bound as bound,
    Loss as Loss,
    require_optimizer as require_optimizer,
    require_pairs as require_pairs,
    require_rates as require_rates,
    Step as Step,
)
