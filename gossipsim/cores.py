"""How many cores this process may use."""

from __future__ import annotations


def cores() -> int:
    """Return the number of cores, within the limits that the system or a container sets this process.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    import joblib

    return int(joblib.cpu_count())
