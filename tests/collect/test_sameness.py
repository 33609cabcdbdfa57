"""When two articles are one."""

from digest.collect.sameness import fingerprint

TITLE, LEAD = "Vanliga problem vid rundslipning", "Så undviks de vanligaste felen – tre råd."


def test_words_are_the_same_whatever_their_dress() -> None:
    assert fingerprint(TITLE, LEAD) == fingerprint(f" {TITLE.upper()}!", "Så undviks de vanligaste felen: 'tre råd'")
    assert fingerprint(TITLE, LEAD) != fingerprint(TITLE, LEAD + " Och ett till.")


def test_title_and_lead_do_not_run_into_each_other() -> None:
    assert fingerprint(TITLE + LEAD, "") != fingerprint(TITLE, LEAD)


def test_few_words_make_no_article_the_same_as_another() -> None:
    assert fingerprint("Luftrenare", "") is None
