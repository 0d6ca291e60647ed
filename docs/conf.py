"""How Sphinx builds these pages: ``make docs``. A warning is an error."""

from __future__ import annotations

import re
import sys
from dataclasses import fields
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

import vortex
from vortex import errors
from vortex.limits import Limits

sys.path.insert(0, str(Path(__file__).parent.parent))

project = "Vortex"
author = "Vortex contributors"
copyright = "2026, Vortex contributors"
release = version = vortex.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build", "changes", "examples", "reference/javascript/index.md"]
html_theme = "furo"
html_title = f"Vortex {release}"
html_theme_options = {"navigation_with_keys": True}
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False

myst_enable_extensions = ["deflist", "fieldlist"]
myst_heading_anchors = 3

default_role = "py:obj"
add_module_names = False
python_use_unqualified_type_names = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_custom_sections = [("Fails with", "params_style"), ("Each takes", "params_style")]


class LimitsTable(Directive):
    """
    ``{limits}``: a table of all that `vortex.limits.Limits` bounds, read off its source.

    So the page cannot say anything else than the code does.
    """

    def run(self) -> list[nodes.Node]:
        source = Path(sys.modules[Limits.__module__].__file__ or "")
        env = self.state.document.settings.env
        env.note_dependency(str(source))
        return [node for title, rows in limitGroups(source.read_text()) for node in self._group(title, rows)]

    def _group(
        self, title: str, rows: list[tuple[str, str, str]], heads: tuple[str, str] = ("limit", "default")
    ) -> list[nodes.Node]:
        table = nodes.table()
        group = nodes.tgroup(cols=3)
        table += group
        for width in (20, 14, 66):
            group += nodes.colspec(colwidth=width)
        head, body = nodes.thead(), nodes.tbody()
        group += [head, body]
        head += self._row(*map(nodes.Text, (*heads, title)))
        for name, default, meaning in rows:
            body += self._row(nodes.literal(name, name), nodes.Text(default), nodes.Text(meaning))
        return [table]

    def _row(self, *cells: nodes.Node) -> nodes.row:
        row = nodes.row()
        for cell in cells:
            row += nodes.entry("", nodes.paragraph("", "", cell))
        return row


class ErrorCodes(LimitsTable):
    """``{error-codes}``: every class of error with its code and what it says of itself."""

    def run(self) -> list[nodes.Node]:
        rows = [
            (name, found.code, (found.__doc__ or "").strip().splitlines()[0].replace("`", ""))
            for name in sorted(errors.__all__)
            if isinstance(found := getattr(errors, name), type) and name != "VortexError"
        ]
        return self._group("meaning", rows, ("class", "code"))


_FIELD = re.compile(
    r'^    # -+ (?P<group>.+)$|^    (?P<name>\w+): .+? = .+\n    """(?P<text>(?:.|\n)+?)"""$', re.MULTILINE
)


def limitGroups(source: str) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """The groups of limits in the source of `Limits`: a title; and name, default and meaning of each."""
    defaults = {field.name: field.default for field in fields(Limits)}
    groups: list[tuple[str, list[tuple[str, str, str]]]] = []
    for found in _FIELD.finditer(source):
        if found["group"]:
            groups.append((found["group"], []))
        else:
            name, meaning = found["name"], " ".join(found["text"].split())
            groups[-1][1].append((name, amount(defaults.pop(name), meaning), meaning))
    assert not defaults, f"these limits have no line of their own in their class: {sorted(defaults)}"
    return groups


def amount(value: object, meaning: str) -> str:
    """A default with its unit, as people say it."""
    if value is None:
        return "no bound"
    assert isinstance(value, int | float)
    if meaning.startswith("Seconds"):
        return f"{value:g} s"
    if meaning.startswith("Bytes"):
        for size, unit in ((1 << 20, "MiB"), (1 << 10, "KiB")):
            if value % size == 0:
                per = "/s" if meaning.startswith("Bytes per second") else ""
                return f"{value // size} {unit}{per}"
    return f"{value:,}"


def _asReStructuredText(*arguments: object) -> None:
    """Our docstrings: an indented block behind a paragraph is code, and `Tuple`s is one word."""
    lines = arguments[-1]
    assert isinstance(lines, list)
    sections = re.compile(r"(Args|Attributes|Returns|Raises|Fails with|Each takes|Yields):$")
    said: list[str] = []
    for at, line in enumerate(lines):
        isStart = (
            line.startswith("    ")
            and at >= 2
            and not lines[at - 1].strip()
            and not lines[at - 2].startswith(" ")
            and not lines[at - 2].rstrip().endswith("::")
            and not sections.match(lines[at - 2])
        )
        if isStart:
            said += ["::", ""]
        said.append(re.sub(r"(`\w+`)(?=\w)", r"\1\\ ", line))
    lines[:] = said


def setup(app: Sphinx) -> None:
    """What Sphinx calls when it has read this file."""
    app.add_directive("limits", LimitsTable)
    app.add_directive("error-codes", ErrorCodes)
    app.connect("autodoc-process-docstring", _asReStructuredText, priority=100)
