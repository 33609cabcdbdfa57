import ipaddress

import pytest

from digest.collect.guard import Refused, check_address, check_url, numeric, without_user

INSIDE = [
    "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "198.18.0.1",
    "192.0.2.1", "203.0.113.9", "::1", "fc00::1", "fd12:3456::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:7f00:1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "2002:7f00:1::", "2002:a00:1::1", "::127.0.0.1",
    "2001:db8::1", "2001::1",
]  # fmt: skip
NOWHERE = [
    "0.0.0.0", "0.1.2.3", "255.255.255.255", "240.0.0.1", "224.0.0.1", "239.1.1.1", "169.254.169.254", "::",
    "fe80::1", "ff02::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::ffff:0.0.0.0",
    "fec0::1", "64:ff9b:1::1", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "100.100.100.200",
    "::ffff:168.63.129.16",
]  # fmt: skip
OUTSIDE = ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]


def is_refused(address: str, *, private: bool) -> bool:
    try:
        check_address(ipaddress.ip_address(address), private=private)
    except Refused:
        return True
    return False


@pytest.mark.parametrize("address", INSIDE)
def test_private_address_is_for_sources_that_say_so(address: str) -> None:
    assert not is_refused(address, private=True)
    with pytest.raises(Refused, match="private network"):
        check_address(ipaddress.ip_address(address), private=False)


@pytest.mark.parametrize("address", NOWHERE)
@pytest.mark.parametrize("private", [True, False])
def test_what_no_server_has_is_for_nobody(address: str, private: bool) -> None:
    with pytest.raises(Refused, match="no address of a server"):
        check_address(ipaddress.ip_address(address), private=private)


@pytest.mark.parametrize("address", OUTSIDE)
@pytest.mark.parametrize("private", [True, False])
def test_address_of_the_internet_is_for_everybody(address: str, private: bool) -> None:
    assert not is_refused(address, private=private)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("2130706433", "127.0.0.1"), ("0x7f000001", "127.0.0.1"), ("0x7f.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("127.1", "127.0.0.1"), ("0177.0.0.1", "127.0.0.1"), ("127.0.0.1.", "127.0.0.1"), ("10.258", "10.0.1.2"),
        ("0", "0.0.0.0"), ("[::1]", "::1"), ("::1", "::1"), ("8.8.8.8", "8.8.8.8"), ("0x", "0.0.0.0"),
        ("news.example.com", None), ("4chan.example", None), ("127.0.0.1.nip.io", None),
    ],
)  # fmt: skip
def test_host_in_numbers_is_the_address_that_systems_take_it_for(host: str, address: str | None) -> None:
    found = numeric(host)

    assert (found and str(found)) == address


@pytest.mark.parametrize(
    "host", ["1.2.3.4.5", "256.1.1.1", "4294967296", "1.2.3.256", "08.1.1.1", "a.b.1", "1..1", "09"]
)
def test_half_an_address_is_no_name(host: str) -> None:
    with pytest.raises(Refused):
        numeric(host)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://example.com/", "gopher://example.com/", "/etc/passwd", "data:text/xml,x", "",
        "http://", "http:///x", "http://[::1", "http://a b/", "http://a\\@b/", "http://ex%61mple.com/", "http://a:0/",
        "http://a:99999/", "javascript:alert(1)", "http://a:x/",
    ],
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    for private in (True, False):
        with pytest.raises(Refused):
            check_url(url, private=private)


def test_other_ports_than_the_web_s_are_for_private_sources() -> None:
    for url in ("http://example.com/", "https://example.com:443/", "https://example.com:80/"):
        check_url(url, private=False)
    with pytest.raises(Refused, match="port 6379"):
        check_url("http://example.com:6379/", private=False)
    check_url("http://example.com:8080/", private=True)


def test_address_is_shown_without_its_user() -> None:
    assert without_user("https://a:b@c@example.com:8080/x?y=1#z") == "https://example.com:8080/x?y=1#z"
    assert without_user("http://[") == "an address that cannot be read"
