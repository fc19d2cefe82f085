"""The tree of errors."""

from __future__ import annotations

import re

from muxi import errors
from muxi.errors import MuxiError


def tree() -> list[type[MuxiError]]:
    found, left = [], [MuxiError]
    while left:
        one = left.pop()
        found.append(one)
        left += one.__subclasses__()
    # The server has some of its own; here it is about the tree that everybody shares.
    return [one for one in found if one.__module__ == errors.__name__]


def test_every_code_is_an_errors_own() -> None:
    """A code names one error, and a status is an HTTP status."""
    codes = [error.code for error in tree()]
    assert len(codes) == len(set(codes))
    assert all(400 <= error.status < 600 and error.title() for error in tree())


def test_the_drawing_is_the_tree() -> None:
    """The module's first lines show every class, and nothing else."""
    drawn = set(re.findall(r"\b\w+Error\b", (errors.__doc__ or "").split("The docstring of a class")[0]))
    assert drawn == {error.__name__ for error in tree()}


def test_the_docstring_is_the_default_message() -> None:
    """Without words of its own an error says its title."""
    assert str(errors.UserNotFoundError()) == "There is no such user"
    assert errors.UserNotFoundError("x", a=1).details == {"a": 1}
