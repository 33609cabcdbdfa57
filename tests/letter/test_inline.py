import re
import sys
from collections.abc import Iterator

import pytest

from digest.letter.inline import inline

PAGE = """<!DOCTYPE html>
<html lang="sv"><head><meta charset="utf-8">
<style>
{extra}
p {{ color: #333; mso-line-height-rule: exactly; }}
.wide {{ width: 100%; font-family: Georgia, 'Times New Roman', serif; }}
</style>
<style data-premailer="ignore">
@media (prefers-color-scheme: dark) {{ p {{ color: #eee !important; }} }}
[data-ogsc] p {{ color: #eee !important; }}
@media (width <= 600px) {{ a:hover {{ color: red; }} }}
</style>
</head><body>
<!--[if mso]><table width="600"><tr><td><![endif]-->
<table class="wide" width="640"><tr><td><p>Åsa &amp; "Örjan" räksmörgås</p></td></tr></table>
<!--[if mso]></td></tr></table><![endif]-->
</body></html>"""

WATCHED: list[tuple[str, str]] | None = None


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if WATCHED is not None and (event.startswith(("socket.", "urllib.", "http.")) or event == "open"):
        WATCHED.append((event, str(arguments[0])))


sys.addaudithook(watch)


@pytest.fixture
def touched() -> Iterator[list[tuple[str, str]]]:
    """Everything that Python opens or connects to while the test runs, seen by the interpreter itself."""
    global WATCHED
    inline(PAGE.format(extra=""))  # so that no module is loaded later
    WATCHED = []
    yield WATCHED
    WATCHED = None


def page(extra: str = "") -> str:
    return inline(PAGE.format(extra=extra))


def test_styles_end_in_attributes_and_leave_no_style_element() -> None:
    assert '<p style="color:#333; mso-line-height-rule:exactly">' in page()
    assert page().count("<style") == 1


def test_block_that_cannot_be_inlined_is_kept_to_the_letter() -> None:
    kept = re.search(r"<style>(.*?)</style>", page(), re.DOTALL)
    written = re.search(r'<style data-premailer="ignore">(.*?)</style>', PAGE.format(extra=""), re.DOTALL)

    assert kept is not None
    assert written is not None
    assert kept[1] == written[1]


def test_doctype_attributes_and_conditional_comments_stay_as_they_are() -> None:
    assert page().startswith("<!DOCTYPE html>\n")
    assert '<table class="wide" width="640"' in page()
    assert '<!--[if mso]><table width="600"><tr><td><![endif]-->' in page()


def test_text_stays_utf8_and_escaped() -> None:
    assert '>Åsa &amp; "Örjan" räksmörgås</p>' in page()


def test_no_line_is_added_or_joined() -> None:
    styles = PAGE.format(extra="").split("<style>")[1].split("</style>")[0].count("\n") + 1
    assert page().count("\n") == PAGE.format(extra="").count("\n") - styles


def test_important_styles_stay_important() -> None:
    assert "color:#123456 !important" in page("p { color: #123456 !important; }")


def test_nothing_is_fetched_whatever_the_styles_say(touched: list[tuple[str, str]]) -> None:
    extra = """@import url("http://127.0.0.1:9/a.css"); @import "http://localhost:9/b.css"; @import "file:///etc/passwd";
@font-face { font-family: x; src: url(http://127.0.0.1:9/x.woff); }
p { background: url(http://127.0.0.1:9/x.png); }"""
    html = PAGE.format(extra=extra).replace(
        "<style>",
        '<link rel="stylesheet" href="http://127.0.0.1:9/c.css"><link rel="stylesheet" href="/etc/passwd"><style>',
    )
    html = html.replace("<!DOCTYPE html>", '<!DOCTYPE html SYSTEM "http://127.0.0.1:9/html.dtd">')
    inline(html)

    assert touched == []


def test_rubbish_in_styles_is_passed_over_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    page("p { color: ; } } @nonsense { x } .a { border-radius: calc(1px + }")

    assert capfd.readouterr() == ("", "")
