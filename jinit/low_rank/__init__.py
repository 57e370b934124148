"""Small factors beside frozen weights: LoRA and its relatives.

Each function takes a weight, `(..., in, out)`, and returns a frozen base and factors
that together make the weight: adapting a model starts at the model. `adapt` does so
over a whole tree, `merge` puts it together again.
"""

from .adapt import adapt as adapt
from .corda import corda as corda
from .dora import DoRA as DoRA, dora as dora
from .eva import eva as eva, eva_ranks as eva_ranks
from .factors import Adapted as Adapted, LowRank as LowRank
from .loftq import loftq as loftq
from .lora import lora as lora
from .lora_ga import lora_ga as lora_ga
from .merge import merge as merge
from .normal_float import normal_float as normal_float
from .olora import olora as olora
from .orthogonal import orthogonal as orthogonal
from .pissa import milora as milora, pissa as pissa
from .randlora import RandLoRA as RandLoRA, randlora as randlora
from .vera import VeRA as VeRA, vera as vera
