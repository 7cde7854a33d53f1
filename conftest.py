"""Tests run in one process per core: more threads in each would only fight over the cores."""

import os

import pytest

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def pytest_collection_modifyitems(items):
    """Without the compiler, leave out the tests that compare with compiled code."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}:
        for item in items:
            if item.get_closest_marker("needs_compiler"):
                item.add_marker(pytest.mark.skip(reason="NUMBA_DISABLE_JIT switches the compiler off"))
