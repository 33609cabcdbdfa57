"""Names that readers have, names that nobody should have, and names by chance."""

import random

NAMES = [
    "Åsa Öberg",
    "Jean-Luc d'Arc",
    "Ng",
    "Lindqvist, Maja",
    "שלום עולם",
    "محمد بن سلمان",
    "山田太郎",
    "Ǆ ﬁ ẞ",
    "e\u0301\u0323",
    "👩‍🚀 👨‍👩‍👧‍👦",
    "Wolfeschlegelsteinhausenbergerdorff " * 8,
    "a" * 500,
    "å" * 500,
    "word " * 120,
]
HOSTILE = [
    'Åsa "Ace" Öberg, <b>',
    "=?utf-8?q?hi=0D=0ABcc:_evil@example.com=0D=0A=0D=0A<h1>?=",
    "a\r\nBcc: evil@example.com\r\n\r\n<h1>",
    "\r\n.\r\n",
    ".",
    "..",
    ".\0From \u202e\u2028" + "👩‍🚀שלום " * 40,
    "From me",
    "From ",
    "\0token:unsubscribe:\0",
    "👩‍🚀" * 120,
    "\u202eanna\u2066",
    "x" * 500,
    "' onmouseover='alert(1)",
    "--=_" + "0" * 32 + "--",
    "{{ 7*7 }}",
    "=",
    "=3D",
    "=\r\n",
    "=?",
    "?=",
    "=?utf-8?b?",
    " ",
    "\t",
    "a\tb",
    "a  b",
    " a ",
    "\ud800",
    "\udfff Anna \ud83d",
    "\u0378\U000e0fff\U0010ffff",  # unassigned, and no character at all
    "\ufffe\uffff\ufeff",
    "\x85\x0b\x0c\x1c\u2029",
    "\u00a0Anna\u00a0",
    "\u200f\u200eAnna\u061c",
    "\\",
    '"',
    "(x)",
    "a@b.example",
    "a,b;c:d<e>",
    "x" * 74 + ".y",
    "x" * 75 + "From y",
    "å" * 25 + " .",
    ("y" * 74 + " ") * 3,
]
SIGNS = " .=,;:<>&\"'()?_-\t\r\n\\@åäöÅÄÖéñ€שמ山😀\u200d\u202e\u0301\x00\x7f\ud800\u0378"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def a_name(chance: random.Random) -> str:
    """Return a name by chance: mostly letters, with signs among them that mean something to somebody."""
    length = chance.choice((0, 1, 3, 10, 30, 80, 200))
    return "".join(chance.choice(SIGNS if chance.random() < 0.3 else LETTERS) for _ in range(length))
