"""What is measured: how signals and gradients travel at initialization."""

from .probe import probe as probe
from .records import LayerProbe as LayerProbe, Probe as Probe
from .report import Report as Report, report as report
