"""How readers' domains are fed, by what was answered at RCPT."""

import pytest

from digest.delivery.domains import FIRST_PARK, IN_A_ROW, LONGEST_PARK, RECENT, Domains, domain_of
from digest.delivery.matter import Matter


def others_pass(domains: Domains, count: int = RECENT) -> None:
    for n in range(count):
        domains.passed(f"other{n % 4}.example")


def parked(now: float = 100.0) -> Domains:
    """Return domains of which slow.example is parked, for 30 seconds."""
    domains = Domains()
    others_pass(domains)
    for _ in range(IN_A_ROW):
        domains.put_off("slow.example", now, luck=1.0)
    return domains


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("anna@example.com", "example.com"),
        ("Anna@Example.COM", "example.com"),
        ('"a@b"@example.com', "example.com"),
        ("bo@bücher.example", "xn--bcher-kva.example"),
        ("bo@xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("bo@ .\u0301", " .\u0301"),  # no domain at all: whatever it is, it is its own
    ],
)
def test_a_domain_is_what_follows_the_last_at_as_an_a_label(address: str, domain: str) -> None:
    assert domain_of(address) == domain


def test_a_domain_is_parked_when_three_of_it_in_a_row_are_put_off_while_others_pass() -> None:
    domains = Domains()
    others_pass(domains)

    matters = [domains.put_off("slow.example", 100.0, luck=1.0) for _ in range(3)]

    assert matters == [Matter.UNKNOWN, Matter.UNKNOWN, Matter.DOMAIN]
    assert domains.take("slow.example", 100.0) == FIRST_PARK
    assert domains.take("other1.example", 100.0) == 0.0


def test_one_that_passes_in_between_speaks_against_parking() -> None:
    domains = Domains()
    others_pass(domains)
    for _ in range(10):
        domains.put_off("slow.example", 100.0, luck=1.0)
        domains.put_off("slow.example", 100.0, luck=1.0)
        domains.passed("slow.example")
        others_pass(domains)

    assert domains.take("slow.example", 100.0) == 0.0


def test_where_readers_of_many_domains_are_put_off_it_is_the_relays_matter() -> None:
    domains = Domains()
    others_pass(domains)
    matters = [domains.put_off(f"other{n % 10}.example", 100.0, luck=1.0) for n in range(20)]

    assert matters[-10:] == [Matter.RELAY] * 10
    assert all(domains.take(f"other{n}.example", 100.0) == 0.0 for n in range(10))


def test_where_all_readers_are_of_one_domain_it_is_the_relays_matter_once_that_is_plain() -> None:
    domains = Domains()
    matters = [domains.put_off("example.com", 100.0, luck=1.0) for _ in range(RECENT + 1)]

    assert matters[0] is Matter.UNKNOWN
    assert matters[-1] is Matter.RELAY
    assert domains.take("example.com", 100.0) == 0.0


def test_a_parked_domain_is_tried_with_one_mail_at_a_time_when_its_time_has_come() -> None:
    domains = parked(100.0)

    now = 100.0 + FIRST_PARK + 2
    assert domains.take("slow.example", now) == 0.0
    assert 0 < domains.take("slow.example", now) <= 1.0
    assert 0 < domains.take("slow.example", now + 60) <= 1.0


def test_a_park_doubles_with_every_try_that_is_put_off_up_to_a_quarter_of_an_hour() -> None:
    domains, now = parked(100.0), 100.0
    waits = []
    for _ in range(7):
        now += domains.take("slow.example", now)
        while domains.take("slow.example", now) > 0:
            now += 0.5
        assert domains.put_off("slow.example", now, luck=1.0) is Matter.DOMAIN
        waits.append(domains.take("slow.example", now))

    assert waits == [60.0, 120.0, 240.0, 480.0, LONGEST_PARK, LONGEST_PARK, LONGEST_PARK]


@pytest.mark.parametrize(("luck", "seconds"), [(0.0, FIRST_PARK / 2), (1.0, FIRST_PARK)])
def test_parks_are_spread_by_luck(luck: float, seconds: float) -> None:
    domains = Domains()
    others_pass(domains)
    for _ in range(IN_A_ROW):
        domains.put_off("slow.example", 100.0, luck)

    assert domains.take("slow.example", 100.0) == seconds


def test_a_domain_whose_one_mail_passed_goes_on_slowly_and_soon_fast() -> None:
    domains, now = parked(100.0), 132.0
    went = []
    while now < 232.0:
        wait = domains.take("slow.example", now)
        if wait <= 0:
            domains.passed("slow.example")
            went.append(now)
        now += max(wait, 0.001)

    assert 8 < sum(at < 142 for at in went) < 14
    assert sum(201 < at < 202 for at in went) > 30
    assert sum(at > 231 for at in went) > 500


def test_a_domain_that_puts_one_off_again_goes_on_more_slowly() -> None:
    domains = parked(100.0)
    domains.take("slow.example", 132.0)
    domains.passed("slow.example")
    others_pass(domains)
    domains.take("slow.example", 133.5)

    assert domains.put_off("slow.example", 133.5, luck=1.0) is Matter.DOMAIN
    assert 1.5 < domains.take("slow.example", 133.5) < 5.0


def test_a_mail_that_comes_to_something_else_frees_the_place_of_the_one_that_is_tried() -> None:
    domains = parked(100.0)
    domains.take("slow.example", 132.0)
    domains.ended("slow.example")

    assert domains.take("slow.example", 133.0) == 0.0


def test_a_rate_that_is_set_for_a_domain_holds_and_for_no_other() -> None:
    domains = Domains({"example.com": [(2, 60)]})

    assert [domains.take("example.com", 0.0) for _ in range(3)] == [0.0, 0.0, 60.0]
    assert [domains.take("example.org", 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
