"""Globs over the paths of trees, matched in one pass over a path.

A pattern is a small machine: places in it, and the letters that lead from one to the
next. All places that a path may have reached are followed at once, so that no pattern
is slow, whatever its stars. Where a name leads from a set of places is remembered.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias


Test: TypeAlias = Callable[[str], bool]
Places: TypeAlias = frozenset[int]

_END = 0  # the place where a pattern is done
_MOST = 10_000  # names that are remembered


class Glob:
    """A pattern of `/` paths: `*` and `?` stay within a name, `**` spans any number.

    `[ab]` is one of these characters, `[!ab]` another, and `{a,b}` one of these
    patterns. It may match the end of a path alone; with a leading `/` it matches from
    the start.
    """

    def __init__(self, pattern: str):
        self._leads: list[list[tuple[Test | None, int]]] = [[]]
        tokens = [*_tokens(pattern.removeprefix("/"))]
        if not pattern.startswith("/"):
            tokens.insert(0, "**/")
        self._start = self._reached({self._sequence(tokens, _END)})
        self._known: dict[tuple[Places, str], Places] = {}

    def matches(self, path: str) -> bool:
        """Whether the pattern matches the path."""
        *names, last = path.split("/")
        places = self._start
        for text in (*(f"{name}/" for name in names), last):
            places = self._after(places, text)
        return _END in places

    def _after(self, places: Places, text: str) -> Places:
        """The places that a name leads to: paths have many names in common."""
        if (places, text) not in self._known:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[places, text] = functools.reduce(self._next, text, places)
        return self._known[places, text]

    def _next(self, places: Places, letter: str) -> Places:
        leads = (lead for place in places for lead in self._leads[place])
        return self._reached({to for test, to in leads if test and test(letter)})

    def _reached(self, places: set[int]) -> Places:
        """The places, and those that follow them without a letter."""
        waiting = [*places]
        while waiting:
            for test, to in self._leads[waiting.pop()]:
                if test is None and to not in places:
                    places.add(to)
                    waiting.append(to)
        return frozenset(places)

    def _place(self, *leads: tuple[Test | None, int]) -> int:
        self._leads.append([*leads])
        return len(self._leads) - 1

    def _sequence(self, tokens: Sequence[Any], then: int) -> int:
        """The place where these tokens begin, of which the last leads to `then`."""
        for token in reversed(tokens):
            then = self._token(token, then)
        return then

    def _token(self, token: Any, then: int) -> int:
        if isinstance(token, list):  # one of these
            return self._place(*((None, self._sequence(x, then)) for x in token))
        if token == "*":
            return self._any(_in_name, then)
        if token == "**":
            return self._any(_anything, then)
        if token == "**/":
            slash = self._place(("/".__eq__, then))
            return self._place((None, self._any(_anything, slash)), (None, then))
        return self._place((token, then))

    def _any(self, test: Test, then: int) -> int:
        place = self._place((None, then))
        self._leads[place].append((test, place))
        return place


@functools.lru_cache(maxsize=256)
def glob(pattern: str) -> Glob:
    """The glob of a pattern, made once."""
    return Glob(pattern)


def _anything(letter: str) -> bool:
    return True


def _in_name(letter: str) -> bool:
    return letter != "/"


def _tokens(pattern: str) -> Iterator[Any]:
    """Stars as they are, one letter as its test, `{}` as a list of such sequences."""
    place = 0
    while place < len(pattern):
        length, token = _token(pattern, place)
        yield token
        place += length


def _token(pattern: str, at: int) -> tuple[int, Any]:
    """The token that begins there, and how many letters it takes."""
    for stars in ("**/", "**", "*"):
        if pattern.startswith(stars, at):
            return len(stars), stars
    letter = pattern[at]
    if letter == "?":
        return 1, _in_name
    # A `]` that stands first is one of the characters.
    first = at + 2 if pattern.startswith(("[!", "[^"), at) else at + 1
    if letter == "[" and (end := pattern.find("]", first + 1)) > 0:
        return end + 1 - at, _one_of(pattern[first:end], first == at + 2)
    if letter == "{" and (words := _words(pattern, at)):
        return sum(map(len, words)) + len(words) + 1, [[*_tokens(x)] for x in words]
    return 1, letter.__eq__


def _one_of(characters: str, others: bool) -> Test:
    """Whether a letter is one of `characters`, which may hold ranges as `a-z`."""
    single, ranges, i = set[str](), list[tuple[str, str]](), 0
    while i < len(characters):
        if characters[i + 1 : i + 2] == "-" and i + 2 < len(characters):
            ranges.append((characters[i], characters[i + 2]))
            i += 3
        else:
            single.add(characters[i])
            i += 1
    holds = lambda x: x in single or any(low <= x <= high for low, high in ranges)
    return lambda letter: letter != "/" and holds(letter) != others


def _words(pattern: str, at: int) -> list[str]:
    """The words of the `{}` that begins there; none where it is not closed."""
    depth, words, start = 0, [], at + 1
    for i in range(at, len(pattern)):
        letter = pattern[i]
        depth += (letter == "{") - (letter == "}")
        if depth == 0 or (depth == 1 and letter == ","):
            words.append(pattern[start:i])
            start = i + 1
        if depth == 0:
            return words
    return []
