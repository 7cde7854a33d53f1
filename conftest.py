"""Tests run in one process per core: more threads in each would only fight over the cores."""

import os

import pytest

# Numba words and colours a message for every overload it tries and drops, a twentieth of the time it compiles.
os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


LONG = {"test_store", "test_sweep", "test_sweep_evidence", "test_notebooks"}
"""Files with single tests that take a minute: they begin first, so that no core waits for the last of them."""


def pytest_collection_modifyitems(items):
    """Begin with the longest tests; without the compiler, leave out those that compare with compiled code."""
    items.sort(key=lambda item: item.path.stem not in LONG)
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}:
        for item in items:
            if item.get_closest_marker("needs_compiler"):
                item.add_marker(pytest.mark.skip(reason="NUMBA_DISABLE_JIT switches the compiler off"))
