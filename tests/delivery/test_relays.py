import traceback
from pathlib import Path

import pytest

from digest.delivery.outbox import Outbox
from digest.delivery.relay import SmtpRelay
from digest.delivery.relays import RelayAddress, parse_relay, parse_relays, relay_for
from digest.errors import ConfigError

CANARY = "c4n4ry"


@pytest.mark.parametrize(
    ("url", "scheme", "name"),
    [
        ("smtp://mail.example.com", "smtp", "mail.example.com:587"),
        ("smtp://mail.example.com:2587/", "smtp", "mail.example.com:2587"),
        ("smtps://Mail.Example.COM", "smtps", "mail.example.com:465"),
        ("SMTPS://mail.example.com:8465", "smtps", "mail.example.com:8465"),
        ("smtp://[2001:db8::25]", "smtp", "[2001:db8::25]:587"),
        ("smtp://[2001:DB8:0:0::25]:25", "smtp", "[2001:db8::25]:25"),
        ("smtp://192.0.2.25:25", "smtp", "192.0.2.25:25"),
        ("smtp://smörgås.example", "smtp", "xn--smrgs-pra0j.example:587"),
        ("smtp://mail_relay:25", "smtp", "mail_relay:25"),
        ("smtp+plain://127.0.0.1:2525", "smtp+plain", "127.0.0.1:2525"),
        ("maildir:outbox", "maildir", "outbox"),
    ],
)
def test_relay_is_where_its_url_says(url: str, scheme: str, name: str) -> None:
    address = parse_relay(url)

    assert (address.scheme, address.name) == (scheme, name)


def test_url_may_carry_login_and_limits() -> None:
    url = (
        "smtp://editor%40example.com:p%40ss%2Fw%C3%B6rd%3A1@mail.example.com"
        "?connections=3&per_connection=100&rate=14/s&window=4"
    )

    assert parse_relay(url) == RelayAddress(
        "smtp", "mail.example.com", 587, "editor@example.com", "p@ss/wörd:1", 3, 100, "14/s", 4
    )


def test_url_without_login_and_limits_has_none() -> None:
    assert parse_relay("smtps://mail.example.com") == RelayAddress("smtps", "mail.example.com", 465)


def test_login_may_lack_a_password() -> None:  # DIGEST_RELAY_TOKEN_COMMAND gives one
    address = parse_relay("smtp://editor@mail.example.com")

    assert (address.user, address.password) == ("editor", None)


@pytest.mark.parametrize(("url", "path"), [("maildir:outbox", "outbox"), ("maildir:/var/out%20box", "/var/out box")])
def test_outbox_is_a_folder(url: str, path: str) -> None:
    address = parse_relay(url)

    assert (address.is_outbox, address.path, address.name) == (True, path, "outbox")


def test_password_shows_neither_in_repr_nor_in_name() -> None:
    address = parse_relay(f"smtp://editor:{CANARY}@mail.example.com")

    assert CANARY not in repr(address) + str(address) + address.name


def test_several_relays_are_separated_by_blanks() -> None:
    addresses = parse_relays("  smtp://a.example \n smtps://b.example?rate=2/s ")

    assert [address.name for address in addresses] == ["a.example:587", "b.example:465"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "[::1]", "localhost", "relay.localhost"])
def test_loopback_is_known_as_such(host: str) -> None:
    assert parse_relay(f"smtp+plain://{host}:25").is_loopback


@pytest.mark.parametrize("host", ["10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.1.1", "[fd00::1]", "[fe80::1]"])
def test_private_addresses_may_go_without_tls_but_are_not_loopback(host: str) -> None:
    assert not parse_relay(f"smtp+plain://{host}:25").is_loopback


@pytest.mark.parametrize(
    "host",
    ["192.0.2.1", "172.32.0.1", "8.8.8.8", "[2001:db8::1]", "[::ffff:8.8.8.8]", "mail.example.com", "localhost.se"],
)
def test_mail_without_tls_does_not_leave_the_house(host: str) -> None:
    with pytest.raises(ConfigError, match="loopback and private addresses only"):
        parse_relay(f"smtp+plain://{host}:25")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("smpts://mail.example.com", "did you mean 'smtps'?"),
        ("mail-dir:outbox", "did you mean 'maildir'?"),
        ("https://mail.example.com", "begins with maildir, smtp, smtps, smtp+plain, not with 'https'"),
        ("mail.example.com:587", "not with 'mail.example.com'"),
        ("outbox", "not with ''"),
        ("smtp://mail.example.com?conections=3", "no setting 'conections'; did you mean 'connections'?"),
        ("maildir:outbox?rates=3", "no setting 'rates'; did you mean 'rate'?"),
        ("smtp://mail.example.com?connections=0", "connections is a number from 1 up, not '0'"),
        ("smtp://mail.example.com?connections=many", "not 'many'"),
        ("smtp://mail.example.com?per_connection=", "per_connection is a number from 1 up, not ''"),
        ("smtp+plain://127.0.0.1", "names no port"),
        ("smtp://", "cannot read host and port"),
        ("smtp://:587", "cannot read host and port"),
        ("smtp://mail.example.com:port", "cannot read host and port"),
        ("smtp://mail.example.com:99999", "cannot read host and port"),
        ("smtp://mail.example.com/path", "cannot read host and port"),
        ("smtp://mail.example.com#fragment", "cannot read host and port"),
        ("smtp://mail%20example.com", "cannot read host and port"),
        ("smtp://mail.example.com%0D%0AX", "cannot read host and port"),
        ("smtp://[::1", "cannot read host and port"),
        ("maildir:", "an outbox is written maildir:FOLDER"),
        ("maildir://outbox", "an outbox is written maildir:FOLDER"),
    ],
)
def test_url_that_cannot_be_used_says_why_on_one_line(url: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_relay(url)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("special", ["/", "?", "#", ":", "@", "[", "%", "/x=1?", "1/", "\N{ACCOUNT OF}"])
@pytest.mark.parametrize("rest", ["@mail.example.com:nonsense", "@mail.example.com?conection=1", "@", ""])
def test_no_error_repeats_a_password_however_it_was_written(special: str, rest: str) -> None:
    for scheme in ("smtp", "smtps", "smpt", "smtp+plain"):
        for password in (CANARY + special + CANARY, special + CANARY, CANARY + special, f"99{special}{CANARY}"):
            with pytest.raises(ConfigError) as caught:
                parse_relay(f"{scheme}://editor:{password}{rest or '@-'}")  # no host
            assert CANARY not in "".join(traceback.format_exception(caught.value))  # with what it was raised from


def test_no_relay_at_all_is_an_error() -> None:
    with pytest.raises(ConfigError, match="the relay URL is empty"):
        parse_relays("  ")


def test_outbox_shares_no_load_with_real_relays() -> None:
    with pytest.raises(ConfigError, match="maildir: stands alone"):
        parse_relays("maildir:outbox smtp://mail.example.com")


def test_relay_is_made_from_its_address(tmp_path: Path) -> None:
    outbox = relay_for(parse_relay("maildir:sent/box"), tmp_path)
    relay = relay_for(parse_relay("smtp://editor:pw@mail.example.com"), tmp_path, connections=7)
    slow = relay_for(parse_relay("smtp://mail.example.com?connections=3"), tmp_path, connections=7)

    assert isinstance(outbox, Outbox)
    assert (outbox.name, outbox.is_outbox, outbox.folder) == ("outbox", True, tmp_path / "sent" / "box")
    assert isinstance(relay, SmtpRelay)
    assert (relay.name, relay.is_outbox, relay.connections) == ("mail.example.com:587", False, 7)
    assert slow.connections == 3
