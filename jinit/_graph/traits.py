"""The traits of a primitive: what it does to the entries of its operands."""

import dataclasses
import enum
import functools

from .bodies import Call, Loop
from .places import Places
from .samples import Rule


class Kind(enum.Enum):
    """What an operation does to the entries of its operands."""

    OTHER = "anything else"
    ALIAS = "nothing: its results are its operands, of another type or later in time"
    MOVE = "has the same entries, under other axes, in another dtype or elsewhere"
    DEVICES = "adds up over devices"
    SPREAD = "repeats entries"
    PART = "takes a part of one operand, turns it around, or trades parts with devices"
    JOIN = "puts operands beside each other"
    CHOICE = "has the entries of one operand here, of another there"
    KEEP = "keeps each entry what it is, or turns its sign"
    SUM = "adds, or subtracts, entry by entry"
    COMPLEX = "adds a real and an imaginary part"
    PRODUCT = "multiplies entry by entry"
    QUOTIENT = "divides entry by entry"
    POWER = "takes a power of each entry: `y`, or the square"
    ROOT = "takes a root of each entry, or may"
    EXPONENTIAL = "takes the exponential of each entry"
    EQUALITY = "tells which entries are equal"
    TOTAL = "sums along axes"
    REDUCTION = "makes one number of many, along axes or in windows"
    LAYER = "multiplies two operands and sums: a layer, if one is a parameter"


_MOVES = {Kind.MOVE, Kind.DEVICES}
_SELECTS = _MOVES | {Kind.SPREAD, Kind.PART, Kind.JOIN, Kind.CHOICE}


@dataclasses.dataclass(frozen=True, eq=False)
class Traits:
    """What is known of a primitive, or of a link.

    Attributes:
        kind: What it does.
        elementwise: Whether each entry of the result is computed from the same entry of
            the operands.
        data: The operands that hold data, where others are indices.
        linear: The operands that it is linear in, all others fixed; None for none.
        places: Where the axes of a data operand lie in the result, if known.
        pools: Whether it selects or averages entries of a signal, and no more.
        unrolls: What it runs, where that is a jaxpr.
        rule: What it makes of values that are known by samples, and so what it does to
            mean and second moment.
    """

    kind: Kind = Kind.OTHER
    elementwise: bool = False
    data: slice = dataclasses.field(default_factory=lambda: slice(None))
    linear: slice | None = None
    places: Places | None = None
    pools: bool = False
    unrolls: Call | Loop | None = None
    rule: Rule | None = None

    @functools.cached_property
    def moves(self) -> bool:
        """Whether it only renames the axes or the dtype of a signal."""
        return self.kind in _MOVES

    @functools.cached_property
    def casts(self) -> bool:
        """Whether it moves nothing but to another dtype or buffer."""
        return self.moves and self.elementwise

    @functools.cached_property
    def spreads(self) -> bool:
        """Whether every entry is one of the operand's, which may be repeated."""
        return self.kind in {Kind.MOVE, Kind.SPREAD}

    @functools.cached_property
    def takes_part(self) -> bool:
        """Whether it takes all or a part of one operand."""
        return self.moves or self.kind is Kind.PART

    @functools.cached_property
    def looks_up(self) -> bool:
        """Whether it takes the part that an index tells."""
        return self.kind is Kind.PART and self.data != slice(None)

    @functools.cached_property
    def joins(self) -> bool:
        """Whether it puts one operand beside another, or in its place."""
        return self.kind in {Kind.JOIN, Kind.CHOICE}

    @functools.cached_property
    def selects(self) -> bool:
        """Whether it selects or averages entries of its operands, and no more."""
        return self.pools or self.kind in _SELECTS

    @functools.cached_property
    def keeps(self) -> bool:
        """Whether entries stay what they are, wherever they go, or turn their sign."""
        return self.kind in (_SELECTS | {Kind.KEEP}) - {Kind.CHOICE}

    @functools.cached_property
    def sums(self) -> bool:
        """Whether it adds its operands entry by entry."""
        return self.kind is Kind.SUM

    @functools.cached_property
    def scales(self) -> bool:
        """Whether it multiplies or divides entry by entry."""
        return self.kind in {Kind.PRODUCT, Kind.QUOTIENT}

    @functools.cached_property
    def affine(self) -> bool:
        """Whether it may be a step of a scale and an offset."""
        kinds = {Kind.DEVICES, Kind.SUM, Kind.PRODUCT}
        return self.spreads or self.kind in kinds

    @functools.cached_property
    def reduces(self) -> bool:
        """Whether it makes one number of many."""
        return self.kind in {Kind.TOTAL, Kind.REDUCTION}

    @functools.cached_property
    def is_layer(self) -> bool:
        """Whether it is a layer, if one of its operands is a parameter."""
        return self.kind is Kind.LAYER
