import pytest

from digest.web.languages import weights, words_among


@pytest.mark.parametrize(
    ("languages", "accepted", "chosen"),
    [
        (["sv"], "en", "sv"),
        (["sv-SE"], "en", "sv-SE"),
        (["fi", "sv"], "en", "sv"),
        (["fi"], "sv", "sv"),
        (["fi"], "", "en"),
        ([], "sv-SE,sv;q=0.9,en;q=0.8", "sv"),
        ([], "en-GB, sv;q=0.9", "en"),
        ([], "fi, de;q=0.9, sv;q=0.1", "sv"),
        ([], "en;q=0.1, sv;q=0.2", "sv"),
        ([], "sv;q=0, en;q=0.1", "en"),
        ([], "SV", "sv"),
        ([], "*", "en"),
        ([], "", "en"),
        ([], "../../etc, sv;q=x, \x00,;;q=,", "en"),
        ([], "xx," * 5000 + "sv", "en"),
    ],
)
def test_a_page_speaks_the_newsletter_s_language_else_one_that_is_accepted(
    languages: list[str], accepted: str, chosen: str
) -> None:
    assert words_among(languages, accepted).language == chosen


def test_weights_are_read_as_they_are_written_and_nonsense_weighs_nothing() -> None:
    """RFC 9110, 12.4.2."""
    assert weights("a, b;q=0.5, c;level=1;Q=0.25, d;q=-1, e;q=1e9, f;q=²") == [
        ("a", 1.0), ("b", 0.5), ("c", 0.25), ("d", 0.0), ("e", 0.0), ("f", 0.0),
    ]  # fmt: skip
