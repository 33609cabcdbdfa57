from pathlib import Path
from typing import Any

import pytest

from digest.errors import DigestError
from digest.letter.lines import wrap
from digest.letter.templates import LARGEST, DesignNotFound, TemplateError, open_templates
from tests.builders import a_layout, an_article
from tests.letter.designs import a_design, a_letter


def refusal(project: Path, **frame: Any) -> str:
    with pytest.raises(TemplateError) as refused:
        a_letter(project, **frame)
    assert isinstance(refused.value, DigestError)
    assert refused.value.exit_code == 4
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_undefined_name_is_named_with_file_and_line(tmp_path: Path) -> None:
    project = a_design(tmp_path, "<html>\n<body>\n<p>{{ titel }}</p>\n</body></html>")

    assert refusal(project) == "templates/mine/letter.html.j2, line 3: 'titel' is undefined"


def test_attribute_that_an_article_does_not_have_is_named_with_file_and_line(tmp_path: Path) -> None:
    said = refusal(a_design(tmp_path, txt="{{ title }}\n\n{{ lead.titel }}\n"))

    assert said.startswith("templates/mine/letter.txt.j2, line 3: ")
    assert said.endswith("has no attribute 'titel'")


def test_error_of_syntax_is_named_with_file_and_line(tmp_path: Path) -> None:
    said = refusal(a_design(tmp_path, txt="{{ title }}\n{% if lead %}\n"))

    assert said.startswith("templates/mine/letter.txt.j2, line 2: Unexpected end of template.")


def test_error_while_running_is_named_with_file_and_line(tmp_path: Path) -> None:
    assert refusal(a_design(tmp_path, txt="{{ title }}\n{{ 1 // 0 }}\n")) == (
        "templates/mine/letter.txt.j2, line 2: ZeroDivisionError: integer division or modulo by zero"
    )


def test_error_in_an_included_file_is_named_with_that_file(tmp_path: Path) -> None:
    others = {"footer.txt.j2": "\n\n{{ nobody }}\n"}
    project = a_design(tmp_path, txt="{{ title }}\n{% include 'mine/footer.txt.j2' %}\n", **others)

    assert refusal(project) == "templates/mine/footer.txt.j2, line 3: 'nobody' is undefined"


def test_included_file_that_is_missing_is_named_with_who_wants_it(tmp_path: Path) -> None:
    project = a_design(tmp_path, txt="{{ title }}\n{% include 'mine/footer.j2' %}\n")

    assert refusal(project) == "templates/mine/letter.txt.j2, line 2: templates/mine/footer.j2 is not there"


def test_template_that_includes_itself_is_an_error(tmp_path: Path) -> None:
    assert "RecursionError" in refusal(a_design(tmp_path, txt="{% include 'mine/letter.txt.j2' %}"))


@pytest.mark.parametrize(
    "source",
    [
        "{{ title.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ words._locale }}",
        "{{ slot.__globals__ }}{{ slot('name') }}",
        "{{ words.text.__func__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{% include '../../digest.toml' %}",
        "{% include '/etc/passwd' %}",
        "{{ lipsum() }}",
        "{{ days | random }}",
        "{{ range(9999999) | list }}",
        "{{ open('/etc/passwd') }}",
        "{% set x = days.append(1) %}",
    ],
)
def test_sandbox_lets_nothing_out(tmp_path: Path, source: str) -> None:
    assert refusal(a_design(tmp_path, txt=source)).startswith("templates/mine/letter.txt.j2")


def test_template_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    said = refusal(a_design(tmp_path, txt="x" * (LARGEST + 1)))

    assert said == "templates/mine/letter.txt.j2: has more than 256000 octets; split it or make it smaller"


def test_template_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    project = a_design(tmp_path)
    (project / "templates" / "mine" / "letter.txt.j2").write_bytes("å".encode("latin-1"))

    assert refusal(project).startswith("templates/mine/letter.txt.j2: cannot be read as UTF-8:")


def test_design_that_is_missing_is_named_with_the_nearest_there_is(tmp_path: Path) -> None:
    with pytest.raises(DesignNotFound) as refused:
        open_templates(a_design(tmp_path)).check_design("senast-nytt")

    assert str(refused.value) == (
        "templates/senast-nytt: no such design; there is: mine, plain, senaste-nytt; did you mean 'senaste-nytt'?"
    )
    assert refused.value.exit_code == 4


def test_design_without_a_text_part_says_so(tmp_path: Path) -> None:
    project = a_design(tmp_path)
    (project / "templates" / "mine" / "letter.txt.j2").unlink()

    assert refusal(project) == "templates/mine/letter.txt.j2: is not there"


def test_project_s_own_design_comes_before_the_packaged_one_of_that_name(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "senaste-nytt"
    folder.mkdir(parents=True)
    (folder / "letter.html.j2").write_text("own")
    templates = open_templates(tmp_path)

    assert templates.render("senaste-nytt/letter.html.j2", {}) == "own"
    assert templates.designs() == ["plain", "senaste-nytt"]


def test_template_that_was_changed_is_read_again(tmp_path: Path) -> None:
    folder = a_design(tmp_path, txt="one") / "templates" / "mine"
    templates = open_templates(tmp_path)
    before = templates.render("mine/letter.txt.j2", {})
    (folder / "letter.txt.j2").write_text("and two")

    assert (before, templates.render("mine/letter.txt.j2", {})) == ("one", "and two")


def test_html_is_escaped_also_in_files_that_are_not_named_so_and_text_is_not(tmp_path: Path) -> None:
    others = {"part.j2": "{{ title }}", "part.html.j2": "{{ title }}", "part.txt.j2": "{{ title }}"}
    templates = open_templates(a_design(tmp_path, **others))
    context = {"title": "<b>&"}

    assert templates.render("mine/part.j2", context) == "&lt;b&gt;&amp;"
    assert templates.render("mine/part.html.j2", context) == "&lt;b&gt;&amp;"
    assert templates.render("mine/part.txt.j2", context) == "<b>&"


def test_text_is_wrapped_at_blanks_and_a_long_link_is_left_whole() -> None:
    assert wrap("Nya pumpar för industrin", 12, first="* ", rest="  ") == "* Nya pumpar\n  för\n  industrin"
    assert wrap("se https://nytt.example.com/en-lang-adress", 12) == "se\nhttps://nytt.example.com/en-lang-adress"


@pytest.mark.parametrize(
    "source",
    [
        "{% if slot('name') %}x{% endif %}",
        "{{ slot('name') | upper }}",
        "{{ 'Hej ' ~ slot('name') }}",
        "{{ 'Hej ' + slot('name') }}",
        "{{ slot('name') if lead }}",
        "{{ slot('name') or 'x' }}",
        "{{ slot('name') is defined }}",
        "{{ slot('name') == 'Anna' }}",
        "{{ slot('name')[:3] }}",
        "{{ slot('name').title() }}",
        "{{ title.join(slot('name')) }}",
        "{{ [slot('name')] }}",
        "{% for c in slot('name') %}{{ c }}{% endfor %}",
        "{% set x = slot('name') %}{{ x }}",
        "{% set slot = 1 %}",
        "{% set other = slot %}{{ other('name') }}",
        "{% with x = slot('name') %}{{ x }}{% endwith %}",
        "{{ slot('name', default=slot('name')) }}",
        "{{ words.text(slot('name')) }}",
        "{{ slot }}",
    ],
)
def test_slot_inside_anything_else_is_an_error_with_file_and_line(tmp_path: Path, source: str) -> None:
    said = "a slot is written as {{ slot('name', default='...') }}, not inside anything else"

    assert (
        refusal(a_design(tmp_path, txt=f"{{{{ title }}}}\n{source}\n"))
        == f"templates/mine/letter.txt.j2, line 2: {said}"
    )


@pytest.mark.parametrize(
    "source",
    ["{{ slot('nam') }}", "{{ slot(title) }}", "{{ slot() }}", "{{ slot(name='name') }}", "{{ slot('a', 'b') }}"],
)
def test_slot_that_is_not_offered_is_an_error_that_names_those_there_are(tmp_path: Path, source: str) -> None:
    assert (
        refusal(a_design(tmp_path, txt=source)) == "templates/mine/letter.txt.j2, line 1: no such slot; there is: name"
    )


@pytest.mark.parametrize(
    ("letter", "other"),
    [
        ("{% include 'mine/other.txt.j2' %}", "\n{% if slot('name') %}x{% endif %}"),
        (
            "{% import 'mine/other.txt.j2' as o with context %}{{ o.hej() }}",
            "\n{% macro hej() %}{{ slot('name') | upper }}{% endmacro %}",
        ),
        ("{% extends 'mine/other.txt.j2' %}", "\n{% block a %}{{ slot('name') ~ '!' }}{% endblock %}"),
    ],
)
def test_slot_misused_in_another_file_is_named_there(tmp_path: Path, letter: str, other: str) -> None:
    project = a_design(tmp_path, txt=letter, **{"other.txt.j2": other})

    assert refusal(project).startswith("templates/mine/other.txt.j2, line 2: a slot is written as")


@pytest.mark.parametrize(
    "source",
    [
        "{% macro hej() %}Hej {{ slot('name') }}{% endmacro %}{{ hej() | upper }}",
        "{% macro hej() %}Hej {{ slot('name') }}{% endmacro %}{% if hej() %}x{% endif %}",
        "{% filter upper %}{{ slot('name') }}{% endfilter %}",
        "{% set x %}{{ slot('name') }}{% endset %}{{ x[:9] }}",
        "{{ unsubscribe_url | upper }}",
        "{{ unsubscribe_url[:-3] }}",
        "{{ unsubscribe_url[-30:] }}",
        "{{ view_url | reverse }}{{ view_url[30:50] }}",
    ],
)
def test_slot_or_link_changed_on_its_way_is_an_error(tmp_path: Path, source: str) -> None:
    assert refusal(a_design(tmp_path, txt=source)).startswith("templates/mine/letter.txt.j2: a slot ")


def test_slot_may_stand_in_conditions_loops_and_macros_as_long_as_it_is_written_out(tmp_path: Path) -> None:
    source = (
        "{% macro hej() %}Hej {{ slot('name', default='du') }}{% endmacro %}"
        "{% if lead %}{{ hej() }}{% endif %}{% for n in range(2) %} {{ slot('name') }}{{ n }}{% endfor %}\n"
    )

    assert a_letter(a_design(tmp_path, txt=source)).text == "Hej du 0 1"


@pytest.mark.parametrize(
    "page",
    [
        "<html><body><p title=\"{{ slot('name') }}\">x</p></body></html>",
        "<html><body><a href=\"{{ slot('name') }}\">x</a></body></html>",
        "<html><head><style>p { color: {{ slot('name') }}; }</style></head><body><p>x</p></body></html>",
        "<html><head><style data-premailer='ignore'>/* {{ slot('name') }} */</style></head><body></body></html>",
        "<html><body><script>{{ slot('name') }}</script></body></html>",
        "<html><body><!-- {{ slot('name') }} --></body></html>",
    ],
)
def test_slot_stands_in_running_text_only(tmp_path: Path, page: str) -> None:
    assert refusal(a_design(tmp_path, page)).startswith("templates/mine/letter.html.j2: a slot is lost or changed")


def test_subject_with_an_undefined_name_names_the_line_in_digest_toml(tmp_path: Path) -> None:
    assert refusal(a_design(tmp_path), subject="{{ titel }}") == "subject in digest.toml: 'titel' is undefined"
    assert refusal(a_design(tmp_path), subject="{{ title").startswith("subject in digest.toml: unexpected end")


@pytest.mark.parametrize("name", ["unsubscribe_url", "view_url"])
def test_subject_knows_no_links_of_readers(tmp_path: Path, name: str) -> None:
    said = refusal(a_design(tmp_path), subject=f"{{{{ {name} }}}}")

    assert said == f"subject in digest.toml: '{name}' is undefined"


def test_subject_cannot_hold_a_slot(tmp_path: Path) -> None:
    said = refusal(a_design(tmp_path), subject="Hej {{ slot('name') }}")

    assert said == "subject in digest.toml: a subject is the same for every reader, it cannot hold a slot"


def test_subject_that_comes_out_empty_is_an_error(tmp_path: Path) -> None:
    assert (
        refusal(a_design(tmp_path), subject="{{ lead.subtitle }}") == "subject in digest.toml: makes an empty subject"
    )


@pytest.mark.parametrize("reach", ["lead.__class__", "lead.picture.__init__", "days[0].__class__.__mro__", "lead._x"])
def test_values_of_an_edition_lead_nowhere(tmp_path: Path, reach: str) -> None:
    lead = an_article(image="https://nytt.example.com/p.jpg")
    with pytest.raises(TemplateError, match=r"unsafe|has no attribute|undefined"):
        a_letter(a_design(tmp_path, html=f"{{{{ {reach} }}}}"), a_layout(lead, an_article()))
