import pytest

from digest.letter.schemes import Scheme, in_scheme, leading_outside

PAGE = """<html><head><meta name="color-scheme" content="light dark"><style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) { p { color: white } }
@media ( PREFERS-color-scheme:light ) and (max-width: 620px) { p { color: black } }
</style></head><body><picture><source media="(prefers-color-scheme: dark)" srcset="d.png"></picture></body></html>"""


@pytest.mark.parametrize(("scheme", "dark", "light"), [("dark", 0, 9999999), ("light", 9999999, 0)])
def test_rules_of_one_scheme_always_hold_and_those_of_the_other_never(scheme: Scheme, dark: int, light: int) -> None:
    page = in_scheme(PAGE, scheme)
    px = {0: "0", 9999999: "9999999px"}

    assert f"@media (min-width: {px[dark]}) {{ p {{ color: white }} }}" in page
    assert f"@media (min-width: {px[light]}) and (max-width: 620px)" in page
    assert f'<source media="(min-width: {px[dark]})"' in page
    assert "prefers-color-scheme" not in page.lower()
    assert f'<meta name="color-scheme" content="{scheme}">' in page
    assert f"color-scheme: {scheme}; supported-color-schemes: light dark;" in page


def test_what_is_read_stays_as_it_is() -> None:
    said = "<p>@media (prefers-color-scheme: dark) and color-scheme: light dark</p>"

    assert in_scheme(said, "dark") == said


def test_a_page_that_does_not_know_dark_stays_light() -> None:
    page = "<style>:root { color-scheme: light; } p { color: black }</style>"

    assert in_scheme(page, "dark") == page


def test_links_lead_outside_of_the_frame() -> None:
    assert leading_outside('<head lang="sv"><title>') == '<head lang="sv"><base target="_blank"><title>'
