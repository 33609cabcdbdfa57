"""Letters use what mail programs show; what one of them lacks is accepted with a reason, or not used."""

import pytest

from digest.letter.compose import compose
from digest.letter.templates import open_templates
from tests.builders import a_frame
from tests.letter.designs import NONCE
from tests.letter.support import CLIENTS, FEATURES, lacking, used
from tests.letter.test_phone import an_ordinary_edition

STYLED = "only the style element needs it; all that must be seen is in style attributes"
SPOKEN = "for screen readers where it arrives; the same words are read without it"
DARK = "where it is missing a mail program darkens by itself, or stays light: both can be read"
#: What some mail program does not support at all, and why that is well.
ACCEPTED = {
    "<style> element": STYLED,
    "Type selector": STYLED,
    "Class selector": STYLED,
    "Attribute selector": STYLED,
    "Chaining selectors": STYLED,
    "Grouping selectors": "only in the style element that is in a comment for Outlook, which knows them",
    "Descendant combinator": STYLED,
    "!important keyword": STYLED,
    ":hover": "a link that is not underlined under the pointer still looks like one",
    "@media": "the column is fluid without it, with wider margins and larger headings than a phone needs",
    "@media (prefers-color-scheme)": DARK,
    "color-scheme CSS property": DARK,
    "color-scheme meta tag": DARK,
    "<body> element": "a body that becomes a div loses its background; the div in it has the same",
    "HTML5 doctype": "without it all sizes are the same: no box has both a width and padding",
    "aria-label attribute": SPOKEN,
    "role attribute": SPOKEN,
    "lang attribute": SPOKEN,
    "dir attribute": "letters of the other direction turn their words by themselves; align says the side",
    "display:none": "the preheader is also without height and overflow",
    "max-height property": "Outlook hides the preheader by mso-hide",
    "overflow": "Outlook hides the preheader by mso-hide, gets cells where others get floats, and leads are cut before",
    "float": "Outlook gets the two sides of a line as cells of a ghost table",
    "white-space": "a date or a count may break where it is missing",
    "word-break": "only a word longer than the column needs it",
    "width attribute": "of tables that are as wide as the column in any case, and of pictures, held by max-width",
    "height attribute": "of pictures: height:auto follows the width",
    "height property": "auto, which is the default",
}


@pytest.mark.parametrize("design", ["senaste-nytt", "plain"])
@pytest.mark.parametrize("language", ["sv", "en", "ar"])
def test_what_a_mail_program_lacks_was_weighed(design: str, language: str) -> None:
    features = used(a_letter(design, language))

    assert len(features) > 40
    assert {name: missing for name in features - ACCEPTED.keys() if (missing := lacking(name, "n"))} == {}


def test_nothing_is_accepted_that_no_letter_uses_or_all_support() -> None:
    features = used(a_letter("senaste-nytt", "sv")) | used(a_letter("plain", "sv"))

    assert [name for name in ACCEPTED if name not in features or not lacking(name, "n")] == []


@pytest.mark.parametrize(
    ("html", "feature"),
    [
        ('<p style="display: flex">', "display:flex"),
        ('<p style="POSITION:relative">'.lower(), "position"),
        ('<p style="width: calc(100% - 2vw)">', "vw unit"),
        ('<p style="gap: 2px">', "gap, column-gap, row-gap"),
        ("<style>p:first-child { color: red }</style>", ":first-child"),
        ("<style>@supports (gap: 1px) { p > b { opacity: 0 } }</style>", "@supports"),
        ("<style>@supports (gap: 1px) { p > b { opacity: 0 } }</style>", "Child combinator"),
        ("<style>@media (orientation: portrait) { p { z-index: 1 } }</style>", "@media (orientation)"),
        ("<style>#a { margin: 0 }</style>", "ID selector"),
        ("<svg></svg>", "Embedded <svg> image"),
        ("<section></section>", "HTML5 semantics"),
        ('<img srcset="a 2x">', "srcset and sizes attributes"),
        ('<input type="text">', '<input type="text"> element'),
        ('<!--[if mso]><hr style="float: left"><![endif]-->', "float"),
    ],
)
def test_feature_is_found_where_it_is_used(html: str, feature: str) -> None:
    assert feature in used(html)
    assert lacking(feature, "na")


def test_each_fact_is_there_for_each_mail_program() -> None:
    assert len(FEATURES) > 250
    assert {len(signs) for signs in FEATURES.values()} == {len(CLIENTS)}
    assert set("".join(FEATURES.values())) == set("yanu")


def a_letter(design: str, language: str) -> str:
    return compose(an_ordinary_edition(), a_frame(design=design), open_templates(), NONCE, language).html
