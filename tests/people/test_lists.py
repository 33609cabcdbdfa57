from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from digest.errors import ConfigError, DigestError, NoSuchState
from digest.models import Origin, SubscriptionState
from digest.people import lists
from digest.people.addresses import BadAddress, address_hash
from digest.people.imports import EmptyFile, NoAddressColumn
from digest.people.lists import NoSuchSubscriber, Tally, find, import_file, read_state
from digest.project import Project, who_does_this
from digest.store import leaving, people
from digest.store.people import Known
from digest.store.tables import STOP, SUPPRESSION
from tests.projects import TOML, a_project
from tests.store.builders import LATER, NOON, a_newsletter_number, do, query

CONFIRMED, UNCONFIRMED = SubscriptionState.CONFIRMED, SubscriptionState.UNCONFIRMED
ANNA = "anna@example.com"
PROOF = TOML.replace("[lists.industri]", '[lists.handel]\ntitle = "Handel"\n[lists.industri]\nconsent = "Form, 2019"')


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with the list industri, which states no proof of consent, and handel."""
    with a_project(tmp_path, TOML + '[lists.handel]\ntitle = "Handel"\n') as opened:
        yield opened


def bring(project: Project, text: str, list_name: str = "industri", *, confirmed: bool = False) -> Tally:
    path = project.folder / "people.csv"
    path.write_text(text, encoding="utf-8")
    return import_file(project, path, list_name, confirmed=confirmed, now=NOON)


def add(
    project: Project,
    address: str = ANNA,
    name: str = "",
    *,
    list_name: str = "industri",
    language: str | None = None,
    confirmed: bool = False,
    reason: str = "",
) -> SubscriptionState | None:
    done = lists.add(
        project, address, name, list_name=list_name, language=language, confirmed=confirmed, reason=reason, now=LATER
    )
    return done.after


def leave(project: Project, address: str = ANNA) -> None:
    """Let a reader leave, as their link will."""
    do(project.store, lambda c: c.exec_driver_sql(
        "UPDATE subscription SET state = 'unsubscribed' WHERE subscriber_id = ?", (find(project, address).id,)
    ))  # fmt: skip


def suppress(project: Project, address: str = ANNA) -> None:
    hash_ = address_hash(address, bytes.fromhex(project.store.installation.pepper))
    row = SUPPRESSION.insert().values(hash=hash_, reason="bounce", at=NOON)
    do(project.store, lambda c: c.execute(row))


def told(project: Project, list_name: str | None = None, state: SubscriptionState | None = None) -> list[str]:
    return [one.address for one in lists.listing(project, list_name, state, None, NOON)]


def sums_up(tally: Tally) -> bool:
    kinds = (tally.new, tally.confirmed, tally.updated, tally.unchanged, tally.left, tally.suppressed)
    return tally.found == sum(kinds) + len(tally.problems)


def test_file_is_brought_to_its_list_and_counted(project: Project) -> None:
    bring(project, "e-post;namn\nanna@example.com;Anna\nbo@example.com;Bo\nleft@example.com;\nbad@example.com;\n")
    leave(project, "left@example.com")
    suppress(project, "bad@example.com")

    tally = bring(
        project,
        "e-post;namn;språk;ort\nANNA@example.com;Anna Öberg;sv;Luleå\nbo@example.com;;;\nnew@example.com;;;\n"
        "left@example.com;;;\nbad@example.com;;;\ninte en adress;;;\nnew@example.com;;;\n",
    )  # fmt: skip

    assert (tally.file, tally.list_name) == (str(project.folder / "people.csv"), "industri")
    assert (tally.found, tally.new, tally.confirmed, tally.updated, tally.unchanged) == (7, 1, 0, 1, 1)
    assert (tally.left, tally.suppressed, tally.unconfirmed) == (1, 1, 4)
    assert [problem.where for problem in tally.problems] == ["line 7", "line 8"]
    assert sums_up(tally)
    assert find(project, ANNA) == Known(
        1, "ANNA@example.com", "Anna Öberg", "sv", {"ort": "Luleå"}, {"industri": "unconfirmed"}, None
    )


@pytest.mark.parametrize(
    ("toml", "confirmed", "state", "reason"),
    [
        (TOML, False, "unconfirmed", ""),
        (TOML, True, "confirmed", "confirmed by the importer"),
        (PROOF, False, "confirmed", "Form, 2019"),
        (PROOF, True, "confirmed", "Form, 2019"),
    ],
)
def test_importer_or_the_list_s_own_proof_vouches_for_the_rows(
    tmp_path: Path, toml: str, confirmed: bool, state: str, reason: str
) -> None:
    with a_project(tmp_path, toml) as project:
        tally = bring(project, f"email\n{ANNA}\n", confirmed=confirmed)

        assert find(project, ANNA).lists == {"industri": state}
        assert tally.unconfirmed == (state == "unconfirmed")
        ((change, _),) = people.history(project.store, 1)
        assert (change.origin, change.by, change.reason, change.at) == (
            Origin.IMPORT, who_does_this(), reason, NOON,
        )  # fmt: skip


def test_proof_of_one_list_vouches_for_no_other(tmp_path: Path) -> None:
    with a_project(tmp_path, PROOF) as project:
        bring(project, f"email\n{ANNA}\n", "handel")

        assert find(project, ANNA).lists == {"handel": "unconfirmed"}


def test_importing_with_a_voucher_later_confirms_who_was_waiting(project: Project) -> None:
    bring(project, f"email\n{ANNA}\nbo@example.com\n")

    tally = bring(project, f"email\n{ANNA}\nbo@example.com\ncy@example.com\n", confirmed=True)

    assert (tally.new, tally.confirmed, tally.unconfirmed) == (1, 2, 0)
    assert lists.overview(project) == {"industri": {"confirmed": 3}}


def test_who_left_or_is_suppressed_stays_so_under_any_import(project: Project) -> None:
    text = f"email\n{ANNA}\nbo@example.com\n"
    bring(project, text, confirmed=True)
    leave(project)
    suppress(project, "bo@example.com")

    tally = bring(project, text, confirmed=True)

    assert (tally.left, tally.suppressed, tally.new, tally.confirmed) == (1, 1, 0, 0)
    assert find(project, ANNA).lists == {"industri": "unsubscribed"}
    assert sums_up(tally)


@pytest.mark.parametrize("confirmed", [True, False])
def test_who_was_removed_and_comes_again_counts_as_new(project: Project, confirmed: bool) -> None:
    bring(project, f"email\n{ANNA}\n", confirmed=True)
    lists.remove(project, ANNA, "industri", "moved", LATER)

    tally = bring(project, f"email\n{ANNA}\n", confirmed=confirmed)

    assert (tally.new, tally.confirmed, tally.unconfirmed) == (1, 0, 0 if confirmed else 1)
    assert sums_up(tally)


def test_large_file_is_imported_batch_by_batch_under_one_number(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "BATCH", 3)

    tally = bring(project, "email\n" + "".join(f"{n}@example.com\n" for n in range(7)), confirmed=True)

    assert (tally.found, tally.new) == (7, 7)
    assert query(project.store.path, "SELECT import_id, count(*) FROM consent_change") == [(1, 7)]
    assert told(project) == [f"{n}@example.com" for n in range(7)]


@pytest.mark.parametrize(
    ("list_name", "words"),
    [
        ("industry", r"no list 'industry' in digest\.toml; it has: handel, industri; did you mean 'industri'\?"),
        ("", r"no list '' in digest\.toml; it has: handel, industri"),
    ],
)
def test_unknown_list_is_named_with_the_nearest_and_nothing_is_recorded(
    project: Project, list_name: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        bring(project, f"email\n{ANNA}\n", list_name)
    with pytest.raises(ConfigError, match=words):
        add(project, list_name=list_name)

    assert told(project) == []
    assert query(project.store.path, "SELECT * FROM import") == []


@pytest.mark.parametrize(("text", "error"), [("", EmptyFile), ("namn;ort\nAnna;Luleå\n", NoAddressColumn)])
def test_file_without_addresses_is_refused_before_anything_is_recorded(
    project: Project, text: str, error: type[DigestError]
) -> None:
    with pytest.raises(error):
        bring(project, text)

    assert query(project.store.path, "SELECT * FROM import") == []


def test_file_that_is_not_there_is_told(project: Project) -> None:
    with pytest.raises(DigestError, match=r"missing\.csv cannot be read: No such file or directory"):
        import_file(project, project.folder / "missing.csv", "industri", confirmed=False, now=NOON)


def test_header_alone_is_an_import_of_nobody(project: Project) -> None:
    tally = bring(project, "email\n")

    assert tally == Tally(str(project.folder / "people.csv"), "industri")


def test_one_person_is_added_by_hand_with_who_did_it_and_why(project: Project) -> None:
    after = add(project, "Anna <ANNA@example.com>", " Anna\tÖberg ", language="SV_fi", confirmed=True, reason="phoned")

    assert after is CONFIRMED
    assert find(project, ANNA) == Known(
        1, "ANNA@example.com", "Anna Öberg", "sv-FI", {}, {"industri": "confirmed"}, None
    )
    ((change, list_name),) = people.history(project.store, 1)
    assert (list_name, change.origin, change.by, change.reason, change.at) == (
        "industri", Origin.EDITOR, who_does_this(), "phoned", LATER,
    )  # fmt: skip


def test_editor_may_bring_back_who_left_with_a_reason(project: Project) -> None:
    add(project, confirmed=True)
    leave(project)

    assert add(project, confirmed=True) is SubscriptionState.UNSUBSCRIBED
    assert add(project, confirmed=False, reason="phoned") is SubscriptionState.UNSUBSCRIBED
    assert add(project, confirmed=True, reason="phoned") is CONFIRMED


def test_editor_may_bring_back_who_had_left_a_newsletter_only(project: Project) -> None:
    add(project, confirmed=True)
    for newsletter in ("nyheter", "annan"):
        number = a_newsletter_number(project.store, newsletter)
        stop = STOP.insert().values(newsletter_id=number, subscriber_id=1, at=NOON)
        do(project.store, partial(Connection.execute, statement=stop))
    before = len(people.history(project.store, 1))

    add(project, confirmed=True)
    assert leaving.stops(project.store, 1) == ["annan", "nyheter"], "nobody said that they want it again"
    assert add(project, confirmed=True, reason="phoned") is CONFIRMED

    assert leaving.stops(project.store, 1) == ["annan"], "which does not go to this list"
    ((change, _),) = people.history(project.store, 1)[before:]
    assert (change.state, change.origin, change.reason) == (CONFIRMED, Origin.EDITOR, "phoned")


def test_editor_may_bring_back_who_was_removed(project: Project) -> None:
    add(project, confirmed=True)
    lists.remove(project, ANNA, "industri", "moved", LATER)

    assert add(project, confirmed=True, reason="phoned") is CONFIRMED


def test_suppressed_person_is_added_unconfirmed(project: Project) -> None:
    suppress(project)

    assert add(project, confirmed=True, reason="phoned") is UNCONFIRMED
    assert find(project, ANNA).suppressed == "bounce"


@pytest.mark.parametrize(
    ("address", "language", "error"), [("anna", None, BadAddress), (ANNA, "svenska!", DigestError)]
)
def test_person_who_cannot_be_read_is_refused(
    project: Project, address: str, language: str | None, error: type[DigestError]
) -> None:
    with pytest.raises(error):
        add(project, address, language=language)

    assert told(project) == []


def test_removing_ends_one_subscription_or_all_and_keeps_the_history(project: Project) -> None:
    add(project, confirmed=True)
    add(project, list_name="handel", confirmed=True)

    assert lists.remove(project, ANNA, "handel", "moved", LATER) == ["handel"]
    assert lists.remove(project, ANNA, None, "", LATER) == ["industri"]
    assert lists.remove(project, ANNA, None, "", LATER) == []

    assert find(project, ANNA).lists == {"handel": "removed", "industri": "removed"}
    assert [(name, change.reason) for change, name in people.history(project.store, 1)][2:] == [
        ("handel", "moved"), ("industri", ""),
    ]  # fmt: skip


def test_nobody_of_that_address_is_told(project: Project) -> None:
    with pytest.raises(NoSuchSubscriber, match=r"nobody is known as bo@example\.com; look with: digest subscribers"):
        find(project, "bo@example.com")
    with pytest.raises(NoSuchSubscriber):
        lists.remove(project, "bo@example.com", None, "", LATER)
    with pytest.raises(BadAddress):
        find(project, "bo")


def test_person_is_found_by_any_spelling_of_their_address(project: Project) -> None:
    add(project, "Åsa@Räksmörgås.example.com")

    composed, folded = "A\u030asa@xn--rksmrgs-5wao1o.example.com", "<ÅSA@RÄKSMÖRGÅS.example.com>"
    for spelling in ("åsa@räksmörgås.example.com", composed, folded):
        assert find(project, spelling).address == "Åsa@Räksmörgås.example.com"


def test_listing_is_narrowed_by_list_and_state(project: Project) -> None:
    add(project, confirmed=True)
    add(project, "bo@example.com", list_name="handel")

    assert told(project) == [ANNA, "bo@example.com"]
    assert told(project, "industri") == [ANNA]
    assert told(project, "handel", CONFIRMED) == []
    assert told(project, None, UNCONFIRMED) == ["bo@example.com"]
    with pytest.raises(ConfigError, match="no list"):
        told(project, "annan")


def test_state_is_read_by_its_word() -> None:
    assert read_state(None) is None
    assert read_state("confirmed") is CONFIRMED
    with pytest.raises(NoSuchState, match=r"no state 'confirmd'; .*; did you mean 'confirmed'\?"):
        read_state("confirmd")


def test_addresses_are_known_by_a_hash_of_this_installation_only(project: Project, tmp_path: Path) -> None:
    add(project)

    ((stored,),) = query(project.store.path, "SELECT hash FROM subscriber")

    assert stored == address_hash(ANNA, bytes.fromhex(project.store.installation.pepper))
    assert stored != address_hash(ANNA, bytes(32))
