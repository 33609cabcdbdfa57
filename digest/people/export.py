"""Subscribers as a table for spreadsheets, which an import reads back."""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator
from itertools import islice

from digest.models import SubscriptionState
from digest.models.sections import as_cell
from digest.people.imports import SECTIONS, SECTIONS_OF, STATE, SUPPRESSED
from digest.people.lists import list_number
from digest.project import Project
from digest.store import people
from digest.store.people import PAGE, Known
from digest.store.subscriptions import LIVING
from digest.tables import escaped

COLUMNS = ("email", "name", "language")
MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"  #: the byte order mark, by which Excel knows UTF-8


def export(project: Project, list_name: str | None, state: SubscriptionState | None, now: dt.datetime) -> Iterator[str]:
    """Yield a CSV piece by piece: who is on a list, or in a state, or everybody; each once.

    A column says where each person stands, so that an import confirms nobody by it. Cells that a spreadsheet would
    take for a formula begin with an apostrophe, which reading takes off again.
    """
    number = list_number(project, list_name, now) if list_name else None
    states = [state] if state else LIVING if list_name else ()
    attributes = people.attribute_names(project.store, number, states)
    chosen = _choices(people.lists_with_choices(project.store), list_name)
    yield MARK + _table([[*COLUMNS, *chosen.values(), *attributes, STATE]])
    found = people.listing(project.store, list_id=number, states=states)
    while page := list(islice(found, PAGE)):
        yield _table([_row(one, list(chosen), attributes, list_name) for one in page])


def _choices(lists: Iterable[str], only: str | None) -> dict[str, str]:
    """Return the lists whose sections are told, with their columns' headers; there is none that nobody fills."""
    return {name: SECTIONS[0] if only else SECTIONS_OF + name for name in lists if only in (None, name)}


def _row(one: Known, chosen: list[str], attributes: list[str], list_name: str | None) -> list[str]:
    sections = [as_cell(one.sections.get(name, [])) for name in chosen]
    values = [str(one.attributes.get(name, "")) for name in attributes]
    return [one.address, one.name, one.language or "", *sections, *values, _standing(one, list_name)]


def _standing(one: Known, list_name: str | None) -> str:
    if one.suppressed:
        return SUPPRESSED
    if list_name is not None:
        return one.lists[list_name]
    return "; ".join(f"{name}: {state}" for name, state in one.lists.items())


def _table(rows: list[list[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([escaped(cell) for cell in row] for row in rows)
    return out.getvalue()
