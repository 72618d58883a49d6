"""SQL functions that the databases spell, or do, differently."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Text, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler  # noqa: TC002 - as all types here
from sqlalchemy.sql.functions import FunctionElement

from autotrack.query import source


class by_code_point(FunctionElement[str]):  # noqa: N801 - used like a function
    """A text that compares by code point, and whose `lower` is that of ASCII, on every database."""

    type = Text()
    inherit_cache = True


@compiles(by_code_point)
def _plain(element: by_code_point, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(by_code_point, "postgresql")
def _collated(element: by_code_point, compiler: SQLCompiler, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)} COLLATE "C")'


class has_part(FunctionElement[bool]):  # noqa: N801 - used like a function
    """Whether a text fits a pattern of GLOB, or of LIKE once the letters of one list are those of another."""

    type = Boolean()
    inherit_cache = True


@compiles(has_part)
def _globbed(element: has_part, compiler: SQLCompiler, **options: Any) -> str:
    text, glob = (compiler.process(clause, **options) for clause in list(element.clauses)[:2])
    return f"(lower({text}) GLOB {glob})"


@compiles(has_part, "postgresql")
def _translated(element: has_part, compiler: SQLCompiler, **options: Any) -> str:
    column, _, *patterns = element.clauses
    text, like, large, small = (compiler.process(clause, **options) for clause in (column, *patterns))
    return f"(translate(lower({text}), {large}, {small}) LIKE {like} ESCAPE '/')"


def contains(text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Return whether a text has a part, whatever the case (both in journal form).

    Databases agree on the lower case of ASCII only: so the part's other letters are looked for in both cases.
    """
    part = source.lower(part)
    cases = source.other_cases(part)
    glob = "".join(f"[{c}{cases[c]}]" if c in cases else f"[{c}]" if c in "*?[" else c for c in part)
    like = "".join(f"/{c}" if c in "/%_" else c for c in part)
    patterns = [f"*{glob}*", f"%{like}%", "".join(cases.values()), "".join(cases)]
    return has_part(by_code_point(text), *(literal(pattern, Text) for pattern in patterns))
