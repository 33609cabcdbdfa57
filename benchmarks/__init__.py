"""Benchmarks: ``make bench``, or ``python -m benchmarks [send] [store] [letter] [startup]``; docs/benchmarks.md."""
