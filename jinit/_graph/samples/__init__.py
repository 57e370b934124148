"""Values by samples of their entries, and what each primitive makes of them."""

from . import elementwise as elementwise, functions as functions
from .call import Call as Call, Rule as Rule
from .choices import places as places
from .moves import mixed as mixed
from .rules import (
    opaque as opaque,
    rule_of as rule_of,
    run as run,
)
from .source import Source as Source
from .value import (
    Along as Along,
    EQUAL as EQUAL,
    LARGE as LARGE,
    N as N,
    Samples as Samples,
    Size as Size,
    unrepeated as unrepeated,
)
