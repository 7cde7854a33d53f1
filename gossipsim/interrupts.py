"""Ctrl-C at a moment of one's own choosing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def noted() -> Iterator[list[bool]]:
    """Turn the first Ctrl-C into a flag, so that a run stops between events; the second one acts at once."""
    flag = [False]
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: Any) -> None:
        flag[0] = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def put_off() -> Iterator[None]:
    """Raise KeyboardInterrupt for a Ctrl-C of this block at its end; processes that begin in the block never hear one."""
    with noted() as interrupted, _held():
        yield
    if interrupted[0]:
        raise KeyboardInterrupt


@contextmanager
def _held() -> Iterator[None]:
    """Hold SIGINT back, also from processes that begin meanwhile; only Unix can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
