"""The generated handler of what happens on a real network, and the fate of the messages of a round."""

from __future__ import annotations

from gossipsim.engines import pieces
from gossipsim.engines.events import ACKNOWLEDGED, AWAY, BACK, DELIVER, FAILED, LOST, SPEAK
from gossipsim.engines.lowering import CONTEXT, Lowered
from gossipsim.engines.text import function, indented
from gossipsim.stream import Purpose


def arrives(lowered: Lowered) -> list[str]:
    """Return lines that go on to the next neighbour when the message from j to i over link `at` is lost."""
    if not lowered.networked:
        return []
    return [
        f"fate = _place(number * s.turns + turn, at, {int(Purpose.LOSS)}, s.seed_low, s.seed_high)",
        "moves = _uniform(fate, 0)",
        "if bad[at] and moves < s.to_good:",
        "    bad[at] = 0",
        "elif not bad[at] and moves < s.to_bad:",
        "    bad[at] = 1",
        "if away[i] or _uniform(fate, 1) < (s.lost_in_bad if bad[at] else s.lost_in_good):",
        "    tally[4] += 1",
        "    continue",
    ]


def on_other(lowered: Lowered) -> str:
    """Do what happens on a real network besides; `kind` and `place` are those of `events.kind_and_place`."""
    vectors = [name for name, kind in lowered.method.node.items() if kind == "vector"]
    words = lowered.size("NODE") // 8
    place = CONTEXT.index("letters")
    letter = f"_pointer(c[{place}] + {{}} * {lowered.letter_size})"
    node_words = "_array(_pointer(c[{}] + uint64({}) * {}), ({},), np.int64)".format
    here = f"_pointer(c[{CONTEXT.index('scratch')}] + {pieces.letter_offset(lowered, 0)})"
    lines = [
        *pieces.open_rows(lowered, "PFCS"),
        *(pieces.integers(name, name) for name in ("tally", "said", "away")),
        "kind, place = (-j) & 15, (-j) >> 4",
        f"if kind == {FAILED} or kind == {ACKNOWLEDGED}:",
        "    tally[2] += i",
        f"    tally[3] += i * (s.bits if kind == {FAILED} else s.width)",
        "    tally[4] += edge",
        "    return 0",
        pieces.node("node", "i"),
        pieces.advance(lowered, "node"),
        f"if kind == {AWAY}:",
        "    away[uint64(i)] = 1",
        "    return 0",
        f"if kind == {BACK}:",
        "    away[uint64(i)] = 0",
        f"    if edge == {LOST}:",
        f"        new, old = {node_words(0, 'i', 8 * words, words)}, {node_words(CONTEXT.index('start'), 'i', 8 * words, words)}",
        f"        for k in range(uint64({words})):",
        "            new[k] = old[k]",
        "        node.at = t",
        "    elif edge >= 0:",
        *indented([pieces.node("other", "edge"), pieces.advance(lowered, "other")], 2),
        *indented([line for name in vectors for line in pieces.copy_vector(f"other.{name}", f"node.{name}")], 2),
        "    return 0",
    ]
    if lowered.method.talks == "round":
        return function("cfunc", "on_other", "i8(i8, i8, i8, i8, f8)", "context, edge, i, j, t", [*lines, "return 0"])
    lines += [
        f"ends = _array({pieces.PLACE['ends']}, (_MANY, 2), np.int64)",
        f"slots_of = _array({pieces.PLACE['slots']}, (_MANY, 2), np.int64)",
        "side = 0 if ends[uint64(edge), 0] == i else 1",
        "slot_a = slots_of[uint64(edge), side]",
        *pieces.links(lowered, "a", "i", always=True),
        "slots = _array(_stack(1), (1,), np.int64)",
        "slots[0] = slot_a",
        *pieces.letter_at(lowered, letter.format("place"), "mine", "inbox_mine"),
        "bits = np.int64(0)",
        "link = links_a[slot_a]",
        f"if kind == {SPEAK}:",
        *indented(pieces.say(lowered, "node", "i", "link", "mine", "told")),
        "    said[uint64(place)] = 1 if told else 0",
        "    if told:",
        "        tally[2] += 1",
        f"        tally[3] += {'s.bits' if lowered.compressor is None else 'bits'}",
        "    tally[1] += place % 2 == 0" if lowered.method.pairwise == "delivery" else "    pass",
        "    return 0",
        f"if kind == {DELIVER}:",
        "    if said[uint64(place)]:",
        *indented(pieces.hear(lowered, "node", "i", "links_a", "inbox_mine", "slots"), 2),
        "    return 0",
        "tally[1] += place % 2 == 0",
        "other_place = place + 1 - 2 * (place % 2)",
        "if said[uint64(place)] and said[uint64(other_place)]:",
        *indented(pieces.letter_at(lowered, letter.format("other_place"), "theirs", "inbox_theirs")),
        *indented(pieces.letter_at(lowered, here, "now", "inbox")),
        *indented(as_if_now(lowered)),
        *indented(pieces.hear(lowered, "node", "i", "links_a", "inbox", "slots")),
        "return 0",
    ]
    return function("cfunc", "on_other", "i8(i8, i8, i8, i8, f8)", "context, edge, i, j, t", lines)


def as_if_now(lowered: Lowered) -> list[str]:
    """Return lines that write into `now` what a node would have to hear now to apply the difference of the messages then.

    An update by the difference of two messages that were made at other times keeps the sum, whatever happened to either
    node since.
    """
    lines = pieces.say(lowered, "node", "i", "link", "now", "told", silent=True)
    for name, kind in lowered.layouts["LETTER"].items():
        part = "" if lowered.plain else f".{name}"
        if kind == "vector":
            lines += [
                f"value, own, heard = now{part}, mine{part}, theirs{part}",
                "for _k in range(_D):",
                "    value[_k] = value[_k] - (own[_k] - heard[_k])",
            ]
        else:
            lines.append(f"now{part} = now{part} - (mine{part} - theirs{part})")
    return lines
