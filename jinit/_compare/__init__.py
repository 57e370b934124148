"""Which start trains a model better: all of them side by side."""

from .compare import compare as compare
from .comparison import Comparison as Comparison
from .outcomes import Outcome as Outcome
from .starts import STARTS as STARTS
