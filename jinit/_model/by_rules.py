"""What each leaf of a tree gets by rules: the first that matches decides."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from .._core import named, nearest
from .._reading import Own, Trace
from .own import kept, NOTHING, Owns
from .plan import Choice, Plan
from .rules import (
    as_test,
    checked,
    Leaf,
    leaves_of,
    resolve,
    Rule,
    Rules,
    text_of,
    UnmatchedError,
)


def plan_by_rules(
    tree: Any,
    rules: Rules,
    where: str,
    read: Callable[[], Trace],
    given: Collection[str] = (),
    own: Owns = NOTHING,
) -> Plan:
    """What each leaf of a tree gets: the first rule that matches decides.

    Args:
        tree: Arrays or shapes.
        rules: The rules, in order.
        where: The public function that asks, for its errors.
        read: Gives the trace.
        given: The paths of leaves that are kept: they may match rules, and need none.
        own: What the model itself makes: it goes before rules that yield, and before
            all of them where it was asked for.

    Raises:
        UnmatchedError: When a leaf matches no rule or a rule no leaf, with all of them.
    """
    every = checked(rules, where)
    leaves = leaves_of(tree, where, read)
    tests = [as_test(rule.pattern) for rule in every]
    hits = [
        next((i for i, test in enumerate(tests) if test(leaf)), None) for leaf in leaves
    ]
    found = list(zip(leaves, hits, strict=True))
    stays = _staying(every, found, own)
    kept_ = {*given, *stays}
    missed = [leaf for leaf, hit in found if hit is None and leaf.path not in kept_]
    idle = [i for i, rule in enumerate(every) if rule.required and i not in hits]
    if missed or idle:
        raise UnmatchedError("\n".join(_complaint(where, every, leaves, missed, idle)))

    def choice(leaf: Leaf, hit: int | None) -> Choice:
        if leaf.path in given:
            return Choice(leaf.path, leaf.shape, None, "given")
        if leaf.path in stays or hit is None:
            return kept(leaf.path, stays[leaf.path])
        return _choice(leaf, every[hit])

    return Plan(tuple(choice(*each) for each in found))


def _staying(
    rules: Sequence[Rule], found: Sequence[tuple[Leaf, int | None]], own: Owns
) -> dict[str, Own]:
    """The model's own that the user asked for, or that the rules leave as it is."""
    if own is NOTHING:
        return {}
    if own.asked:
        return {leaf.path: own.by_path[leaf.path] for leaf, _ in found
                if leaf.path in own.by_path}  # fmt: skip
    rest = any(rule.yields for rule in rules)
    left = (leaf for leaf, hit in found if (rest if hit is None else rules[hit].yields))
    stays = {leaf.path: own.stays(leaf.row, leaf.trace) for leaf in left}
    return {path: each for path, each in stays.items() if each is not None}


def _choice(leaf: Leaf, rule: Rule) -> Choice:
    initializer = resolve(rule.value, leaf)
    return Choice(leaf.path, leaf.shape, initializer, f"rule {text_of(rule.pattern)}")


def _complaint(
    where: str,
    rules: Sequence[Rule],
    leaves: Sequence[Leaf],
    missed: Sequence[Leaf],
    idle: Sequence[int],
) -> Iterator[str]:
    yield f"`{where}` needs every parameter to match a rule, and each rule a parameter."
    globs = [rule.pattern for rule in rules if isinstance(rule.pattern, str)]
    paths = [leaf.path for leaf in leaves]
    if missed:
        yield "Got parameters that no rule matches:"
    for leaf in missed:
        yield f"  {named(leaf.path)} {leaf.shape}{nearest(leaf.path, globs)}"
    if idle:
        yield "Got rules that match no parameter, or only what earlier rules took:"
    for i in idle:
        pattern = rules[i].pattern
        near = nearest(pattern, paths) if isinstance(pattern, str) else ""
        yield f"  {text_of(pattern)}{near}"
    yield "Mend the patterns; a last rule ('**', ...) matches all that is left."
