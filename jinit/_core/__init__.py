"""The few ideas that all else stands on."""

from . import extend as extend, sampling as sampling
from .alike import alike as alike, promoting as promoting
from .arguments import (
    arguments as arguments,
    bind as bind,
    Counts as Counts,
    File as File,
    held as held,
    Key as Key,
    Listed as Listed,
    Numbers as Numbers,
    numbers as numbers,
    public as public,
    Reals as Reals,
    Seed as Seed,
    Shape as Shape,
    Texts as Texts,
    Tree as Tree,
)
from .batches import (
    batches_of as batches_of,
    first_of as first_of,
    lasting as lasting,
    one_array as one_array,
    stream as stream,
)
from .closures import held_traced as held_traced
from .decorator import law as law
from .draw import (
    check_key as check_key,
    check_sharding as check_sharding,
    in_mesh as in_mesh,
    is_key as is_key,
    is_typed_key as is_typed_key,
    wide as wide,
    widened as widened,
)
from .extras import EXTRAS as EXTRAS, require as require
from .fans import Fans as Fans, fans_of as fans_of, resolve_axes as resolve_axes
from .figures import blank as blank, drawn as drawn
from .globs import glob as glob
from .host import (
    apart as apart,
    at_once as at_once,
    is_traced as is_traced,
    on_host as on_host,
    ours as ours,
    refuse_traced as refuse_traced,
)
from .initializer import alias as alias, Initializer as Initializer, laws as laws
from .later import later as later
from .origin import is_users as is_users
from .programs import (
    detached as detached,
    Formula as Formula,
    formula_of as formula_of,
    NotSharedError as NotSharedError,
    program_of as program_of,
    shared as shared,
    traced_once as traced_once,
)
from .progress import (
    last as last,
    stoppable as stoppable,
    track as track,
    working as working,
)
from .registry import FAMILIES as FAMILIES
from .sampling import scalar as scalar, sqrt as sqrt
from .settings import (
    Axis as Axis,
    check as check,
    choose as choose,
    Count as Count,
    Finite as Finite,
    Flag as Flag,
    Fraction as Fraction,
    is_number as is_number,
    NonNegative as NonNegative,
    Positive as Positive,
    requirement as requirement,
    Text as Text,
    Whole as Whole,
)
from .spelling import as_initializer as as_initializer, Base as Base, get as get
from .text import (
    aligned as aligned,
    claim as claim,
    digits as digits,
    memory as memory,
    named as named,
    nearest as nearest,
    NONE as NONE,
    percent as percent,
    printable as printable,
    reason as reason,
    rich_table as rich_table,
    shown as shown,
    signed as signed,
    sizes as sizes,
    times as times,
)
from .trees import (
    bare as bare,
    bare_paths as bare_paths,
    leaf_paths as leaf_paths,
    named_arrays as named_arrays,
    named_leaves as named_leaves,
    replaced as replaced,
    require_arrays as require_arrays,
    require_entries as require_entries,
    require_tree as require_tree,
)
from .values import plain as plain
from .warn import warn as warn
