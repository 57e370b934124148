"""A recipe: the rules of a publication or a framework, for any model."""

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Any, Literal, ParamSpec

from .._core import bind, choose, held, Initializer, public
from .._model import Leaf, role, Rule, Selector
from .._model.auto import default, multiplier
from .._schemes import normal, zeros
from .spelling import call_of


P = ParamSpec("P")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Rules that read roles from the computation; iterates over them.

    Rules of your own go before them, as in `[("head/kernel", jinit.zeros), *recipe]`.
    Recipes of the same function and settings are equal.

    Attributes:
        make: The function that makes it.
        settings: Those of its settings that are not the default, by name.
        rules: The rules.
    """

    make: Callable[..., "Recipe"]
    settings: tuple[tuple[str, Any], ...]
    rules: tuple[Rule, ...] = dataclasses.field(compare=False)

    @classmethod
    def from_text(cls, where: str, what: str, text: str) -> "Recipe":
        """The recipe that the text `what` of the function `where` names."""
        name, values, named = call_of(where, what, text)
        return cls.named(where, what, name)(*values, **named)

    @classmethod
    def named(cls, where: str, what: str, name: str) -> Callable[..., "Recipe"]:
        """The function that makes a recipe, by its name."""
        return RECIPES[choose(where, what, name, RECIPES)]

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.settings)
        return f"{_public_name(self.make)}({given})"

    def __reduce__(self) -> Any:
        return functools.partial(self.make, **dict(self.settings)), ()


class UnfitError(Exception):
    """What a recipe needs and a model lacks; `initialize` says it for the user."""

    def __init__(self, needs: str, got: str):
        super().__init__(needs, got)
        self.needs, self.got = needs, got


RECIPES: dict[str, Callable[..., Recipe]] = {}


def recipe(function: Callable[P, tuple[Rule, ...]]) -> Callable[P, Recipe]:
    """Makes a recipe of a function from settings to rules, and registers its name.

    What the rules leave, such as biases and norms, starts as `REST` says. Settings are
    annotated with the types of `jinit._core.settings`, and checked when given.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    signature = _readable(function)

    @functools.wraps(function)
    def make(*args: P.args, **kwargs: P.kwargs) -> Recipe:
        where = _public_name(make)
        bound = bind(where, signature, args, kwargs).arguments.items()
        every = {name: held(where, name, hints[name], value) for name, value in bound}
        default = lambda name: signature.parameters[name].default
        given = {name: value for name, value in every.items() if value != default(name)}
        made = Recipe(make, tuple(given.items()), ())
        rules = (*function(**given), *REST)  # pyright: ignore[reportCallIssue]
        named = (_of(made, number, rule) for number, rule in enumerate(rules))
        return dataclasses.replace(made, rules=tuple(named))

    vars(make)["__signature__"] = signature
    if function.__module__.startswith("jinit.recipes."):
        make.__module__ = "jinit.recipes"  # its public home, which a pickle names
    RECIPES[function.__name__] = make
    return make


@public("jinit.recipes")
def rules(
    *pairs: tuple[Selector, Any], required: bool = False, yields: bool = False
) -> tuple[Rule, ...]:
    """Rules for whatever a model has: none of them needs to match, by default."""
    return tuple(Rule(selector, value, required, yields) for selector, value in pairs)


# What no recipe is about: what the model itself starts it with goes before.
REST = rules(
    (role("norm scale", "gate"), lambda leaf: multiplier(leaf.row, 1.0)),
    (role("bias", "norm offset"), zeros),
    (role("embedding"), normal(stddev=1.0)),
    (role("positional", "token"), normal(stddev=0.02)),
    (role("norm statistic", "unused"), lambda leaf: default(leaf.row)),
    yields=True,
)


def _readable(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of the recipe, with the types that a person would write."""
    types = typing.get_type_hints(function)
    settings = inspect.signature(function).parameters.values()
    plain = [each.replace(annotation=types[each.name]) for each in settings]
    return inspect.Signature(plain, return_annotation=Recipe)


def _public_name(make: Callable[..., Any]) -> str:
    return f"{make.__module__}.{make.__name__}"


def _of(made: Recipe, number: int, rule: Rule) -> Rule:
    """The rule, whose messages name its recipe."""
    test: Any = rule.pattern  # a `Selector`: see `rules`
    value: Any = rule.value
    text = f"{test} of {made}" if rule.required else f"{test}"
    if not isinstance(value, Initializer):
        value = _Side(made, number, "value", value)
    selector = Selector(text, _Side(made, number, "pattern", test))
    return rule._replace(pattern=selector, value=value)


@dataclasses.dataclass(frozen=True)
class _Side:
    """A function of a leaf on a side of a recipe's rule; a pickle names the recipe."""

    recipe: Recipe
    number: int
    side: Literal["pattern", "value"]
    function: Callable[[Leaf], Any] = dataclasses.field(compare=False, repr=False)

    def __call__(self, leaf: Leaf) -> Any:
        try:
            return self.function(leaf)
        except UnfitError as error:
            raise ValueError(
                f"`{leaf.where}` needs {error.needs} for {self.recipe}. Got {error.got}"
            ) from None

    def __reduce__(self) -> Any:
        return _side, (self.recipe, self.number, self.side)


def _side(recipe: Recipe, number: int, side: Literal["pattern", "value"]) -> _Side:
    found: Any = getattr(recipe.rules[number], side)
    return found.holds if side == "pattern" else found
