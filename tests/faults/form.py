"""The short form of the suite, a part of ``make test``, and the long one, ``make faults``."""

import os

import pytest

#: What the short form leaves out: it takes minutes, or does elsewhere what is done at one place already.
LONG = pytest.mark.skipif("FAULTS_LONG" not in os.environ, reason="in the long form: make faults")


def long(*values: object) -> object:
    """Return the values of a parametrised test for the long form only."""
    return pytest.param(*values, marks=LONG)
