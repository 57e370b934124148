"""Where a scheme comes from, as the References of its docstring say."""

import inspect
import re
from typing import Any


def reference(thing: Any) -> tuple[str, str]:
    """Its first reference, and the address of that: authors, title, year; URL."""
    text = (inspect.getdoc(thing) or "").partition("References:\n")[2]
    first = " ".join(text.partition("\n\n")[0].split())
    said, scheme, address = first.partition("http")
    return said.strip(), (scheme + address).partition(" ")[0].rstrip(".,;)")


def brief(thing: Any) -> str:
    """Authors and year, and the arXiv id or the repository."""
    return ", ".join(filter(None, (authors(thing), _place(reference(thing)[1]))))


def authors(thing: Any) -> str:
    """Authors and year of the first reference, as a text cites it."""
    said, _ = reference(thing)
    names, _, rest = said.partition(". ")
    names = names.partition(":")[0].removesuffix(".")
    if names.count(", ") > 1:
        names = names.partition(", ")[0] + " et al"
    year = re.search(r"\b(19|20)\d\d\b", rest)
    ends = "." if names.endswith(" al") else ""
    return names + ends + (f" {year[0]}" if year else "")


def _place(address: str) -> str:
    """An address as a list has it: arXiv:1901.09321, or a repository."""
    if paper := re.search(r"arxiv\.org/(?:abs|pdf)/([\w.\-/]+?)(?:v\d+)?$", address):
        return f"arXiv:{paper[1]}"
    if repository := re.search(r"github\.com/([^/]+/[^/#?]+)", address):
        return f"github.com/{repository[1]}"
    return re.sub(r"^https?://(?:www\.)?", "", address)
