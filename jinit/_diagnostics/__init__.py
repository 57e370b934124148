"""What is measured: how signals and gradients travel at initialization."""

from .check import check_model as check_model
from .finite import NotFiniteError as NotFiniteError
from .models import redraw as redraw
from .probe import probe as probe
from .records import Histogram as Histogram, LayerProbe as LayerProbe
from .report import report as report
from .results import Probe as Probe, Report as Report
