"""Lines of generated code that handlers share: opening rows, asking the oracle, saying and hearing messages."""

from __future__ import annotations

from gossipsim.engines.lowering import CONTEXT, STACK, Lowered
from gossipsim.engines.text import indented
from gossipsim.stream import Purpose

PLACE = {name: f"_pointer(c[{index}])" for index, name in enumerate(CONTEXT)}
"""Pointer to a part of the context."""

ROUTE = int(Purpose.ROUTE)


def open_rows(lowered: Lowered, rows: str) -> list[str]:
    """Return lines that make rows of constants known by their letter; `s` holds the run's settings."""
    named = {"P": ("p", "p"), "F": ("f", "flow"), "Q": ("q", "q"), "C": ("cc", "c"), "S": ("s", "settings")}
    lines = [f"c = _array(_pointer(context), ({len(CONTEXT)},), np.int64)"]
    for row in rows:
        name, place = named[row]
        if (row != "F" or lowered.flow is not None) and (row != "C" or lowered.compressor is not None):
            lines.append(f"{name} = _array({PLACE[place]}, (1,), {row})[0]")
    return lines


def integers(name: str, place: str, shape: str = "(_MANY,)") -> str:
    """Return a line that opens an array of whole numbers."""
    return f"{name} = _array({PLACE[place]}, {shape}, np.int64)"


def node(name: str, index: str) -> str:
    """Return a line that opens a node's row."""
    return f"{name} = _array({PLACE['nodes']}, (_MANY,), NODE)[uint64({index})]"


def advance(lowered: Lowered, name: str) -> str:
    """Return a line that brings a node to time t."""
    return f"flow(f, {name}, t)" if lowered.flow is not None else f"{name}.at = t"


def draw(lowered: Lowered, verb: str, index: str) -> tuple[list[str], str]:
    """Return lines that make a place to draw from at time t, and the argument that passes it; both empty for most verbs."""
    if not lowered.draws(verb):
        return [], ""
    bits = "_array(bits_room, (1,), np.int64)[0]"
    return [
        "bits_room = _stack(1)",
        "_array(bits_room, (1,), np.float64)[0] = t",
        f"here = _place(_number_of({bits}), {index}, {int(Purpose.VERB)}, s.seed_low, s.seed_high)",
    ], ", here"


def vector(lowered: Lowered, name: str, place: int, *, kept: bool = False) -> str:
    """Return a line that makes room for vector number 0, 1 or 2 of a handler; `kept` where other functions find it."""
    short = lowered.dim <= STACK and not kept
    room = f"_stack({lowered.dim})" if short else f"_pointer(c[{CONTEXT.index('scratch')}] + {8 * lowered.dim * place})"
    return f"{name} = _array({room}, (_D,), np.float64)"


def copy_vector(source: str, target: str) -> list[str]:
    """Return lines that copy a vector."""
    return [f"value = {source}", "for _k in range(_D):", f"    {target}[_k] = value[_k]"]


def query(lowered: Lowered, name: str, index: str) -> list[str]:
    """Return lines that set `asked` and `point` for a node."""
    if lowered.verb("query") is None:
        return [f"point = {name}.{lowered.method.primal}", "asked = True"]
    lines, here = draw(lowered, "query", index)
    return [*lines, vector(lowered, "point", 1), f"asked = query(p, {name}, t, point{here})"]


def oracle(lowered: Lowered, name: str, index: str) -> list[str]:
    """Return lines that write the oracle's answer at `point` into `g`."""
    count = f"{name}.draws += 1"
    if lowered.method.oracle != "gradient":
        rho = f"{name}.rho" if lowered.method.oracle == "prox" else "0.0"
        return [*inverse_rows(lowered, index), f"resolvent(q, inverse, point, {rho}, g)", count]
    size = lowered.size("SAMPLE")
    lines = [
        integers("first", "first_sample"),
        f"begin_s, end_s = first[uint64({index})], first[uint64({index}) + _one]",
        f"source = _pointer(c[{CONTEXT.index('samples')}] + begin_s * {size})",
    ]
    seeds = "s.seed_low, s.seed_high"
    if lowered.batched:
        words = size // 8
        lines += [
            f"whole = _array(source, (end_s - begin_s, {words}), np.int64)",
            f"few = _array(_pointer(c[{CONTEXT.index('scratch')}] + {batch_offset(lowered)}), (s.batch, {words}), np.int64)",
            f"draw = _place({name}.draws, {index}, {int(Purpose.SAMPLE)}, {seeds})",
            "for b in range(uint64(s.batch)):",
            "    chosen = uint64(_uniform(draw, b) * (end_s - begin_s))",
            f"    for w in range(uint64({words})):",
            "        few[b, w] = whole[chosen, w]",
            f"samples = _array(_pointer(c[{CONTEXT.index('scratch')}] + {batch_offset(lowered)}), (s.batch,), SAMPLE)",
        ]
    else:
        lines.append("samples = _array(source, (end_s - begin_s,), SAMPLE)")
    lines.append("gradient(q, samples, point, g)")
    if lowered.noisy:
        lines += [
            f"draw = _place({name}.draws, {index}, {int(Purpose.NOISE)}, {seeds})",
            "for _k in range(_D):",
            "    g[_k] += s.noise * _normal(draw, _k)",
        ]
    return [*lines, count]


def inverse_rows(lowered: Lowered, index: str) -> list[str]:
    """Return lines that open the rows from which the conjugate or proximal oracle of a node answers."""
    size = lowered.size("INVERSE")
    return [
        integers("first_i", "first_inverse"),
        f"begin_i, end_i = first_i[uint64({index})], first_i[uint64({index}) + _one]",
        f"inverse = _array(_pointer(c[{CONTEXT.index('inverse')}] + begin_i * {size}), (end_i - begin_i,), INVERSE)",
    ]


def step(lowered: Lowered, name: str, index: str) -> list[str]:
    """Return lines that hand the oracle's answer to a node."""
    lines, here = draw(lowered, "step", index)
    return [*lines, f"step(p, {name}, t, g{here})"] if lowered.verb("step") else []


def links(lowered: Lowered, side: str, index: str, *, always: bool = False) -> list[str]:
    """Return lines that open a node's link rows as `links_<side>`, with `begin_<side>` and `end_<side>`."""
    if not (lowered.verbs_use_links or always):
        return [f"links_{side} = _array({PLACE['links']}, (1,), LINK)"]
    size, place = lowered.size("LINK"), CONTEXT.index("links")
    return [
        integers(f"first_{side}", "first_link"),
        f"begin_{side}, end_{side} = first_{side}[uint64({index})], first_{side}[uint64({index}) + _one]",
        f"links_{side} = _array(_pointer(c[{place}] + begin_{side} * {size}), (end_{side} - begin_{side},), LINK)",
    ]


def letter_at(lowered: Lowered, room: str, name: str, inbox: str) -> list[str]:
    """Return lines that open a message at a pointer, as `out` sees it and as an inbox of one."""
    if lowered.plain:
        return [
            f"{name} = _array({room}, (_D,), np.float64)",
            f"{inbox} = _array({room}, (1, _D), np.float64)",
        ]
    return [f"{inbox} = _array({room}, (1,), LETTER)", f"{name} = {inbox}[0]"]


def compress(lowered: Lowered, letter: str, index: str) -> list[str]:
    """Return lines that compress a message of a node and add its size in bits to `bits`."""
    fields = lowered.layouts["LETTER"]
    scalars = sum(kind != "vector" for kind in fields.values())
    lines = [integers("sends", "sends"), vector(lowered, "work", 2)]
    for name, kind in fields.items():
        if kind == "vector":
            v = letter if lowered.plain else f"{letter}.{name}"
            where = f"sends[uint64({index})], {index}, {int(Purpose.COMPRESSION)}, s.seed_low, s.seed_high"
            lines += [
                f"draw = _place({where})",
                f"sends[uint64({index})] += 1",
                f"bits += np.int64(compress(cc, draw, {v}, work))",
            ]
    if scalars:
        lines.append(f"bits += {scalars} * s.width")
    return lines


def say(
    lowered: Lowered, name: str, index: str, link: str, letter: str, said: str, *, silent: bool = False
) -> list[str]:
    """Return lines that write a node's message into `letter` and set `said`; a `silent` one never leaves."""
    if lowered.verb("message"):
        lines, here = draw(lowered, "message", index)
        lines = [*lines, f"{said} = message(p, {name}, {link}, t, {letter}{here})"]
    else:
        lines = [*copy_vector(f"{name}.{lowered.method.primal}", letter), f"{said} = True"]
    if silent:
        return lines
    after = compress(lowered, letter, index) if lowered.compressor is not None else []
    if after and lowered.method.server:
        # what a server tells everybody is not compressed
        after = [f"if uint64({index}) >= uint64(s.hub):", *indented(after), "else:", "    bits += s.bits"]
    if lowered.verb("sent"):
        before, here = draw(lowered, "sent", index)
        after += [*before, f"sent(p, {name}, {link}, t, {letter}{here})"]
    return [*lines, *([f"if {said}:", *indented(after)] if after else [])]


def hear(lowered: Lowered, name: str, index: str, of_links: str, inbox: str, slots: str) -> list[str]:
    """Return lines that hand an inbox to a node."""
    if not lowered.verb("receive"):
        return ["pass"]
    lines, here = draw(lowered, "receive", index)
    senders = ", senders" if lowered.method.talks == "round" else ""
    return [*lines, f"receive(p, {name}, {of_links}, t, {inbox}, {slots}{here}{senders})"]


def batch_offset(lowered: Lowered) -> int:
    """Return where the rows of a minibatch start in the scratch memory: behind three vectors and two messages."""
    return 24 * lowered.dim + 64 + 2 * (lowered.letter_size + 64)


def letter_offset(lowered: Lowered, end: int) -> int:
    """Return where a long message of an exchange stands in the scratch memory."""
    return 24 * lowered.dim + 64 + end * (lowered.letter_size + 64)
