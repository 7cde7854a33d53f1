"""The generated module of single verbs: one function per verb, for engines that string them together themselves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from gossipsim.engines import pieces
from gossipsim.engines.base import whole_numbers
from gossipsim.engines.handlers import on_measure
from gossipsim.engines.lowering import CONTEXT, Lowered, kept
from gossipsim.engines.network_handlers import as_if_now
from gossipsim.engines.text import function, types_of


@kept
def source(lowered: Lowered) -> str:
    """Return the text of the module; a message lies in box number `box` of the memory for letters."""
    node = [*pieces.open_rows(lowered, "PFQCS"), pieces.node("node", "i")]
    vectors = [pieces.vector(lowered, "g", 0, kept=True), pieces.vector(lowered, "kept", 1, kept=True)]
    query = [*node, *vectors, *pieces.query(lowered, "node", "i"), *pieces.copy_vector("point", "kept"), "return asked"]
    oracle = [*node, *vectors, "point = kept", *pieces.oracle(lowered, "node", "i")]
    step = [*node, *vectors, *pieces.step(lowered, "node", "i"), *_finite(lowered)]
    box = f"_pointer(c[{CONTEXT.index('letters')}] + box * {lowered.letter_size})"
    post = [
        *node,
        *pieces.links(lowered, "a", "i", always=lowered.uses_links),
        *pieces.letter_at(lowered, box, "letter", "inbox"),
    ]
    fixed = f"bits = {'np.int64(0)' if lowered.compressor is not None else f'{lowered.letter_size // 8} * s.width'}"
    link = "links_a[slot]" if lowered.uses_links else "links_a[0]"
    message = [*post, fixed, *pieces.say(lowered, "node", "i", link, "letter", "told"), "return bits if told else -1"]
    one = ["slots = _array(_stack(1), (1,), np.int64)", "slots[0] = slot"]
    parts = [
        lowered.verbs(),
        "_handler |= {'nogil': False}",  # to let go of Python's lock and take it again would cost as much as the call
        on_measure(lowered),
        function("njit", "advance", "void(i8, i8, f8)", "context, i, t", [*node, pieces.advance(lowered, "node")]),
        function("njit", "run_message", "i8(i8, i8, i8, f8, i8)", "context, i, slot, t, box", message),
    ]
    if lowered.computes:
        parts += [
            function("njit", "run_query", "b1(i8, i8, f8)", "context, i, t", query),
            function("njit", "run_oracle", "void(i8, i8)", "context, i", oracle),
            function("njit", "run_step", "b1(i8, i8, f8)", "context, i, t", step),
        ]
    if lowered.method.talks == "round":
        outbox = "(_MANY, _D), np.float64" if lowered.plain else "(_MANY,), LETTER"
        gathered = [
            *node,
            *pieces.links(lowered, "a", "i", always=lowered.uses_links),
            f"outbox = _array({pieces.PLACE['letters']}, {outbox})",
            f"slots = _array({pieces.PLACE['gathered']}, (count,), np.int64)",
            f"senders = _array(_pointer(c[{CONTEXT.index('gathered')}] + 8 * s.n), (_MANY,), np.int64)",
            *pieces.hear(lowered, "node", "i", "links_a", "outbox", "slots"),
        ]
        parts.append(function("njit", "run_gather", "void(i8, i8, f8, i8)", "context, i, t, count", gathered))
    else:
        heard = [*post, *one, *pieces.hear(lowered, "node", "i", "links_a", "inbox", "slots"), *_finite(lowered)]
        parts.append(function("njit", "run_receive", "b1(i8, i8, i8, f8, i8)", "context, i, slot, t, box", heard))
    if lowered.networked and lowered.method.talks not in {"round", "route"}:
        theirs = f"_pointer(c[{CONTEXT.index('letters')}] + (box + 1 - 2 * (box % 2)) * {lowered.letter_size})"
        now = f"_pointer(c[{CONTEXT.index('scratch')}] + {pieces.letter_offset(lowered, 0)})"
        applied = [
            *node,
            *pieces.links(lowered, "a", "i", always=lowered.uses_links),
            *pieces.letter_at(lowered, box, "mine", "inbox_mine"),
            *pieces.letter_at(lowered, theirs, "theirs", "inbox_theirs"),
            *pieces.letter_at(lowered, now, "now", "inbox"),
            "link = links_a[slot]",
            *as_if_now(lowered),
            *one,
            *pieces.hear(lowered, "node", "i", "links_a", "inbox", "slots"),
            *_finite(lowered),
        ]
        parts.append(function("njit", "run_apply", "b1(i8, i8, i8, f8, i8)", "context, i, slot, t, box", applied))
    if lowered.method.talks == "route":
        route = [
            *node,
            *pieces.links(lowered, "a", "i", always=lowered.uses_links),
            f"draw = _place(number, 0, {pieces.ROUTE}, s.seed_low, s.seed_high)",
            "return np.int64(route(p, node, links_a, t, draw))",
        ]
        parts.append(function("njit", "run_route", "i8(i8, i8, f8, i8)", "context, i, t, number", route))
    return "\n".join(parts)


def _finite(lowered: Lowered) -> list[str]:
    words = lowered.size("NODE") // 8
    whole = set(whole_numbers(np.dtype(types_of(lowered.layouts["NODE"], lowered.dim))))
    cuts = sorted({0, words} | {k for w in whole for k in (w, w + 1)})
    ranges = [(low, high) for low, high in pairwise(cuts) if low not in whole]
    row = f"row = _array(_pointer(c[0] + i * {8 * words}), ({words},), np.float64)"
    count = [
        line
        for low, high in ranges
        for line in (f"for k in range({low}, {high}):", "    bad += not np.isfinite(row[k])")
    ]
    return [row, "bad = 0", *count, "return bad == 0"]
