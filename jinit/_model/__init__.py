"""Initial weights for whole models."""

from .checkpoint import check_free as check_free, save as save
from .explain import plan_model as plan_model
from .keys import key_for as key_for, path_keys as path_keys
from .plan import Choice as Choice, Plan as Plan
from .rules import (
    closes_residual as closes_residual,
    is_kernel as is_kernel,
    Leaf as Leaf,
    path as path,
    role as role,
    Rule as Rule,
    Selector as Selector,
    traced as traced,
)
from .surgery import chosen as chosen
