"""Every Python example of the README, the docs and the docstrings runs, against a real server where it needs one."""

from __future__ import annotations

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser

_markdown = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "docs/*.md"],
    fixtures=["documented_server"],
)
_docstrings = Sybil(parsers=[DocTestParser()], patterns=["src/**/*.py"])

pytest_collect_file = (_markdown + _docstrings).pytest()

pytest_plugins = ["tests.docs.documented_server"]
