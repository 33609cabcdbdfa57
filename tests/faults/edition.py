"""The edition that the suite sends, and how."""

DATE = "2025-11-30"
KEY = f"nyheter/{DATE}"
SEND = ("send", "--date", DATE, "--json", "--wait", "0")
TOML = """\
[newsletters.nyheter]
title = "Nyheter"
from = "Nyheter <nytt@example.com>"
postal_address = "Box 1, Stockholm"
lists = ["industri"]
language = "sv"
timezone = "Europe/Stockholm"

[lists.industri]

[sources.press]
folder = "articles"
"""
