"""Arguments and options that many commands share, each worded once."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from digest.errors import nearest


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date; write 2025-11-30") from None


def _rules(names: list[str] | None) -> list[str] | None:
    if names:
        from digest.delivery.preflight import RULES

        for name in names:
            if name not in RULES:
                raise typer.BadParameter(f"no rule {name!r}; there are: {', '.join(RULES)}{nearest(name, RULES)}")
    return names


ProjectOption = Annotated[
    Path | None,
    typer.Option("--project", metavar="DIR", help="The project's folder; else DIGEST_PROJECT, else found upwards."),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="One JSON object on stdout, whatever the exit code."),
]
NewsletterArgument = Annotated[
    str | None, typer.Argument(metavar="NEWSLETTER", help="May be left out when digest.toml has one.")
]
NewsletterOption = Annotated[str | None, typer.Option("--newsletter", metavar="NAME", help="Only in this newsletter.")]
DateOption = Annotated[
    dt.date | None,
    typer.Option("--date", metavar="YYYY-MM-DD", parser=_date, help="The edition's date; else today in its zone."),
]
ForceOption = Annotated[
    list[str] | None,
    typer.Option("--force", metavar="RULE", callback=_rules, help="Send although this rule of preflight holds."),
]
LimitOption = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Say what was done, also off a terminal.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Answer the question before real mail goes out.")]
