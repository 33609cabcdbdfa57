"""Files of articles: JSON, JSON Lines, CSV and Markdown in, JSON and CSV out.

The format is told by the name's ending, else by how the text begins.
"""

import datetime as dt
import io
import json
from collections.abc import Iterable, Iterator
from csv import writer
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo

from digest.collect.clean import TooMuchMarkup, plain_text, protected
from digest.collect.rows import KEYS, Found, Reading, named, read_row, row_of
from digest.models import Article
from digest.tables import LONGEST, NotText, Problem, decode, escaped, rows, shown

__all__ = ["Found", "Problem", "Reading", "read_articles", "write_articles"]

MOST_LINES = 5_000  #: of one row of a table

#: Rows before they are judged: where each stands, and its keys and values as the file has them.
_Rows = Iterator[tuple[str, Iterable[tuple[str, object]]] | Problem]


def read_articles(data: bytes, name: str, *, zone: ZoneInfo, now: dt.datetime, source: str | None = None) -> Reading:
    """Return the articles of a file.

    ``zone`` is that of times without an offset; ``source`` wins over what the rows say. A row that cannot be read is a
    Problem and stops no other; a file that cannot be read is one Problem. Nothing is raised.
    """
    found: list[Found] = []
    problems: list[Problem] = []
    unknown: dict[str, None] = {}
    for row in _rows_of(data, name):
        if isinstance(row, Problem):
            problems.append(row)
            continue
        where, pairs = row
        values, others = named(pairs)
        unknown.update(dict.fromkeys(others))
        match read_row(values, where, zone=zone, now=now, source=source):
            case Problem() as problem:
                problems.append(problem)
            case article:
                found.append(article)
    return Reading(tuple(found), tuple(problems), tuple(unknown))


def write_articles(articles: Iterable[tuple[Article, str | None]], *, csv: bool) -> str:
    """Return articles, each with its source's name, as read_articles reads them: a JSON list, or CSV.

    A date without a time is written as such; it is read as the same instant only in the zone it was read in. Cells that
    a spreadsheet would take for a formula begin with an apostrophe, which reading takes off again.
    """
    rows_out = [row_of(article, source) for article, source in articles]
    if not csv:
        return json.dumps(rows_out, ensure_ascii=False, indent=2) + "\n"
    out = io.StringIO(newline="")
    table = writer(out)
    table.writerow(KEYS)
    table.writerows([escaped(row.get(key, "")) for key in KEYS] for row in rows_out)
    return out.getvalue()


def _rows_of(data: bytes, name: str) -> _Rows:
    try:
        text = decode(data, name)
    except NotText as error:
        return iter([Problem("file", str(error))])
    if not text.strip():
        return iter([Problem("file", "nothing in it")])
    match PurePath(name).suffix.lower():
        case ".md" | ".markdown":
            return _markdown(text, name)
        case ".csv" | ".tsv":
            return _table(text)
        case ".jsonl" | ".ndjson":
            return _json_lines(text)
        case ".json":
            return _json_lines(text) if _is_json_lines(text) else _json(text)
    if text.lstrip().startswith(("[", "{")):
        return _json_lines(text) if _is_json_lines(text) else _json(text)
    return _markdown(text, name) if text.lstrip().startswith("---") else _table(text)


def _is_json_lines(text: str) -> bool:
    first, _, rest = text.strip().partition("\n")
    return bool(rest) and isinstance(_parsed(first, ""), dict)


def _parsed(text: str, consequence: str) -> Any:
    """Return a JSON value, or the Problem with it, its line counted in this text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        return Problem(f"line {error.lineno}", f"broken JSON at column {error.colno} ({error.msg}){consequence}")
    except RecursionError:
        return Problem("line 1", f"nested too deeply{consequence}")
    except ValueError:  # Python refuses to read a number of thousands of digits
        return Problem("line 1", f"a number too long to be read{consequence}")


def _json(text: str) -> _Rows:
    value = _parsed(text, "; nothing in this file can be read")
    if isinstance(value, dict):
        value = value.get("articles")
    if isinstance(value, Problem):
        yield value
    elif not isinstance(value, list):
        yield Problem("file", 'neither a list of articles nor an object with such a list under "articles"')
    else:
        for number, item in enumerate(value, 1):
            yield _item(f"item {number}", item)


def _json_lines(text: str) -> _Rows:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            value = _parsed(line.strip(), "")
            where = f"line {number}"
            yield Problem(where, value.reason) if isinstance(value, Problem) else _item(where, value)


def _item(where: str, value: object) -> tuple[str, Iterable[tuple[str, object]]] | Problem:
    return (where, value.items()) if isinstance(value, dict) else Problem(where, "not an object with a title")


def _table(text: str) -> _Rows:
    header: list[str] | None = None
    for row in rows(io.StringIO(text, newline=""), longest=LONGEST, breaks=MOST_LINES):
        if isinstance(row, Problem):
            yield row
            continue
        line, cells = row
        if header is None:
            header = cells
            if "title" not in named((name, name) for name in header)[0]:
                columns = ", ".join(shown(name) for name in header if name.strip())
                yield Problem(f"line {line}", f"no column is called title (or rubrik); the columns are {columns}")
                return
        else:
            yield f"line {line}", [(n, cell) for n, cell in zip(header, cells, strict=True) if n.strip()]


def _markdown(text: str, name: str) -> _Rows:
    """Yield the one article of a Markdown file: the front matter's keys, else its first # heading and its name."""
    if len(text) > LONGEST:
        yield Problem("file", f"longer than {LONGEST:,} characters")
        return
    head = _front_matter(text)
    if isinstance(head, Problem):
        yield head
        return
    keys, content = head
    if str(keys.get("draft", "")).lower() in ("true", "yes"):  # not written to the end: it is no article yet
        return
    title = named(keys.items())[0].get("title")
    try:
        heading, body = _rendered(content, plain_text(title) if isinstance(title, str) else "")
    except TooMuchMarkup as error:
        yield Problem("file", str(error))
    else:
        yield "file", [*keys.items(), ("title", protected(heading)), ("body", body), ("id", PurePath(name).name)]


def _front_matter(text: str) -> tuple[dict[str, object], str] | Problem:
    import yaml
    from frontmatter import parse
    from frontmatter.default_handlers import YAMLHandler

    class Words(YAMLHandler):
        """Front matter whose values stay as written: ``no`` is a language, and no date is lost for being wrong."""

        def load(self, fm: str, **kwargs: object) -> Any:
            return super().load(fm, Loader=yaml.BaseLoader)

    if not Words().detect(text.strip()):
        return {}, text
    try:
        return parse(text, handler=Words())
    except RecursionError:
        return Problem("line 1", "the head is nested too deeply")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "a character that may not stand there"
        return Problem(f"line {mark.line + 1 if mark else 1}", f"the head between the --- lines is broken: {reason}")


def _rendered(markdown: str, title: str) -> tuple[str, str]:
    """Return the first # heading as plain text, and the rest as HTML; the heading stays if the title is another."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    heading = ""
    for n, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h1":
            heading = plain_text(parser.renderer.render(tokens[n + 1 : n + 2], parser.options, {}))
            if title in ("", heading):
                del tokens[n : n + 3]
            break
    return heading, parser.renderer.render(tokens, parser.options, {})
