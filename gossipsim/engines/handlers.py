"""The generated handlers that the loop over events calls: a gradient, an exchange, a round, a hop of a token, a record."""

from __future__ import annotations

from gossipsim.engines import pieces
from gossipsim.engines.lowering import CONTEXT, STACK, Lowered, kept
from gossipsim.engines.network_handlers import arrives, on_other
from gossipsim.engines.text import function, indented


@kept
def source(lowered: Lowered) -> str:
    """Return the text of the module with the handlers that a method needs."""
    parts = [lowered.verbs(), on_measure(lowered)]
    if lowered.networked:
        parts.append(on_other(lowered))
    if lowered.method.talks == "round":
        parts.append(on_round(lowered))
    elif lowered.method.talks == "route":
        parts.append(on_hop(lowered))
    else:
        parts += [on_gradient(lowered)] * lowered.computes + [on_exchange(lowered)]
    return "\n".join(parts)


def on_measure(lowered: Lowered) -> str:
    """Error and, unless `simple`, consensus and mean point; every node's sum of squares has four partial sums."""
    field = lowered.method.primal
    dual = lowered.method.oracle == "conjugate"
    token = lowered.method.talks == "route"
    lines = [
        *pieces.open_rows(lowered, "FQ" if dual else "F"),
        f"nodes = _array({pieces.PLACE['nodes']}, (_MANY,), NODE)",
        "X = _array(_pointer(points), (_MANY, _D), np.float64)",
        "goal = _array(_pointer(target), (_D,), np.float64)",
        "out = _array(_pointer(values), (2,), np.float64)",
        "mean = _array(_pointer(values + 16), (_D,), np.float64)",
        *([pieces.integers("token", "token")] if token else []),
        "total = 0.0",
        "for i in range(uint64(n)):",
        "    x = X[i]",
    ]
    if lowered.flow is not None:
        body = ["view(f, nodes[i], t, x)"]
    else:
        body = pieces.copy_vector(f"nodes[{'uint64(token[2])' if token else 'i'}].{field}", "x")
    if dual:
        body += [
            *pieces.inverse_rows(lowered, "i"),
            pieces.vector(lowered, "best", 0),
            "resolvent(q, inverse, x, 0.0, best)",
            *pieces.copy_vector("best", "x"),
        ]
    lines += indented(body)
    lines += [
        "    total += distance(x, goal)",
        "out[0] = total / n",
        "if simple:",
        "    return 0",
        "for k in range(_D):",
        "    mean[k] = 0.0",
        "for i in range(uint64(n)):",
        "    for k in range(_D):",
        "        mean[k] += X[i, k]",
        "for k in range(_D):",
        "    mean[k] /= n",
        "total = 0.0",
        "for i in range(uint64(n)):",
        "    total += distance(X[i], mean)",
        "out[1] = total / n",
        "return 0",
    ]
    arguments = "context, n, t, points, target, values, simple"
    return function("cfunc", "on_measure", "i8(i8, i8, f8, i8, i8, i8, i8)", arguments, lines)


def on_gradient(lowered: Lowered) -> str:
    """One node asks its oracle and steps; returns 1 if it did."""
    lines = [
        *pieces.open_rows(lowered, "PFQ" + "S" * lowered.settled),
        pieces.node("node", "i"),
        pieces.advance(lowered, "node"),
        pieces.vector(lowered, "g", 0),
        *pieces.query(lowered, "node", "i"),
        "if not asked:",
        "    return 0",
        *pieces.oracle(lowered, "node", "i"),
        *pieces.step(lowered, "node", "i"),
        "return 1",
    ]
    return function("cfunc", "on_gradient", "i8(i8, i8, f8)", "context, i, t", lines)


def on_exchange(lowered: Lowered) -> str:
    """Both ends of an edge speak before either hears; returns the number of messages."""
    asks = lowered.method.computes == "exchange"
    tallies = asks or lowered.compressor is not None
    lines = pieces.open_rows(lowered, "PF" + "Q" * asks + "C" + "S" * lowered.settled)
    if tallies:
        lines += [pieces.integers("tally", "tally"), "bits = np.int64(0)"]
    for side, index, end in (("a", "i", 0), ("b", "j", 1)):
        lines += [
            pieces.node(side, index),
            pieces.advance(lowered, side),
            *pieces.links(lowered, side, index),
            *_letter(lowered, side, end),
        ]
        place = f"_array({pieces.PLACE['slots']}, (_MANY, 2), np.int64)[uint64(edge), {end}]"
        lines.append(f"slot_{side} = {place if lowered.verbs_use_links else '0'}")
    if asks:
        for side, index in (("a", "i"), ("b", "j")):
            lines += [
                pieces.vector(lowered, "g", 0),
                *pieces.query(lowered, side, index),
                "if asked:",
                *indented([*pieces.oracle(lowered, side, index), *pieces.step(lowered, side, index), "tally[0] += 1"]),
            ]
    for side, index in (("a", "i"), ("b", "j")):
        link = f"links_{side}[slot_{side}]"
        lines += pieces.say(lowered, side, index, link, f"letter_{side}", f"said_{side}")
    for side, other, index in (("a", "b", "i"), ("b", "a", "j")):
        heard = pieces.hear(lowered, side, index, f"links_{side}", f"inbox_{other}", f"slots_{side}")
        lines += [f"if said_{other}:", f"    slots_{side}[0] = slot_{side}", *indented(heard)]
    if tallies:
        lines.append("tally[3] += bits")
    lines.append("return np.int64(said_a) + np.int64(said_b)")
    return function("cfunc", "on_exchange", "i8(i8, i8, i8, i8, f8)", "context, edge, i, j, t", lines)


def _letter(lowered: Lowered, side: str, end: int) -> list[str]:
    words = lowered.letter_size // 8
    here = f"_pointer(c[{CONTEXT.index('scratch')}] + {pieces.letter_offset(lowered, end)})"
    return [
        f"room_{side} = {f'_stack({words})' if words <= STACK else here}",
        *pieces.letter_at(lowered, f"room_{side}", f"letter_{side}", f"inbox_{side}"),
        f"slots_{side} = _array(_stack(1), (1,), np.int64)",
    ]


def on_round(lowered: Lowered) -> str:
    """Every node computes; then, turn after turn, every node speaks and every node hears what was said to it."""
    computes = lowered.method.computes == "round"
    per_link = lowered.per_link
    outbox = "(_MANY, _D), np.float64" if lowered.plain else "(_MANY,), LETTER"
    ask = [
        pieces.vector(lowered, "g", 0),
        *pieces.query(lowered, "node", "i"),
        "if asked:",
        *indented([*pieces.oracle(lowered, "node", "i"), *pieces.step(lowered, "node", "i"), "gradients += 1"]),
    ]
    speak = ["bits = np.int64(0)", *pieces.say(lowered, "node", "i", "link", "out", "told")]
    # what a node says goes to every neighbour, and costs its bits on every link: one more, so that 0 means nothing
    size = "bits" if lowered.compressor is not None else f"{lowered.letter_size // 8} * s.width"
    told = f"{size} + 1 if told else 0"
    if lowered.networked:
        speak = ["told, bits = False, np.int64(0)", "if not away[i]:", *indented(speak)]
    there = " and present[at]" if lowered.changing else ""
    if lowered.changing and per_link:
        speak = ["told, bits = False, np.int64(0)", "if present[uint64(begin_a) + slot]:", *indented(speak)]
    if per_link:
        speech = [
            "for slot in range(uint64(end_a - begin_a)):",
            *indented(["link = links_a[slot]", "out = outbox[uint64(begin_a) + slot]", *speak]),
            f"    said[uint64(begin_a) + slot] = {told}",
        ]
    else:
        # a verb that does not look at its link gets the first row, which exists even where a node has no neighbour
        first = f"link = _array({pieces.PLACE['links']}, (1,), LINK)[0]"
        speech = [first, "out = outbox[i]", *speak, f"said[i] = {told}"]
    here = " and not away[i]" if lowered.networked else ""
    sender, mine = ("reverse[at]", "at") if per_link else ("j", "i")
    lines = [
        *pieces.open_rows(lowered, "PFQCS"),
        pieces.integers("tally", "tally"),
        *(pieces.integers(name, name) for name in ("said", "nbr", "reverse")),
        f"outbox = _array({pieces.PLACE['letters']}, {outbox})",
        f"nodes = _array({pieces.PLACE['nodes']}, (_MANY,), NODE)",
        *([pieces.integers("away", "away"), pieces.integers("bad", "bad")] if lowered.networked else []),
        *([pieces.integers("present", "present")] if lowered.changing else []),
        pieces.integers("places", "gathered"),
        f"senders = _array(_pointer(c[{CONTEXT.index('gathered')}] + 8 * s.n), (_MANY,), np.int64)",
        "gradients, activations, messages, sent_bits = np.int64(0), np.int64(0), np.int64(0), np.int64(0)",
        "for i in range(uint64(s.n)):",
        "    node = nodes[i]",
        "    " + pieces.advance(lowered, "node"),
        "    node.turn = 0",
        *([f"    if i >= uint64(s.hub){here}:", *indented(ask, 2)] if computes else []),
        "for turn in range(s.turns):",
        "    for i in range(uint64(s.n)):",
        "        node = nodes[i]",
        "        node.turn = turn",
        *(indented(pieces.links(lowered, "a", "i"), 2) if per_link else []),
        *indented(speech, 2),
        "    for i in range(uint64(s.n)):",
        "        node = nodes[i]",
        *indented(pieces.links(lowered, "a", "i"), 2),
        "        count = np.int64(0)",
        "        for slot in range(uint64(end_a - begin_a)):",
        "            at = uint64(begin_a) + slot",
        "            j = uint64(nbr[at])",
        f"            sender = uint64({sender})",
        f"            activations += j > i and (said[sender] != 0 or said[{mine}] != 0){there}",
        f"            if said[sender]{there}:",
        "                sent_bits += said[sender] - 1",
        "                messages += 1",
        *indented(arrives(lowered), 4),
        "                places[uint64(count)] = slot",
        "                senders[uint64(count)] = sender",
        "                count += 1",
        f"        slots = _array({pieces.PLACE['gathered']}, (count,), np.int64)",
        *(["        if away[i]:", "            continue"] if lowered.networked else []),
        *indented(pieces.hear(lowered, "node", "i", "links_a", "outbox", "slots"), 2),
        "tally[0] += gradients",
        "tally[1] += activations",
        "tally[2] += messages",
        "tally[3] += sent_bits",
        "return 0",
    ]
    return function("cfunc", "on_event", "i8(i8, i8, f8)", "context, number, t", lines)


def on_hop(lowered: Lowered) -> str:
    """One node hears the token, computes, and passes it on; `token` says where it is, over which slot it came, where it was."""
    method = lowered.method
    lines = [
        *pieces.open_rows(lowered, "PFQCS"),
        *(pieces.integers(name, name) for name in ("tally", "nbr", "reverse", "token")),
        "gradients, messages, bits = np.int64(0), np.int64(0), np.int64(0)",
        "i = uint64(token[0])",
        pieces.node("node", "i"),
        pieces.advance(lowered, "node"),
        *pieces.links(lowered, "a", "i"),
        *pieces.letter_at(lowered, pieces.PLACE["letters"], "letter", "inbox"),
        "slots = _array(_stack(1), (1,), np.int64)",
        "if token[1] >= 0:",
        "    slots[0] = token[1]",
        *indented(pieces.hear(lowered, "node", "i", "links_a", "inbox", "slots")),
    ]
    if method.computes == "hop":
        lines += [
            pieces.vector(lowered, "g", 0),
            *pieces.query(lowered, "node", "i"),
            "if asked:",
            *indented([*pieces.oracle(lowered, "node", "i"), *pieces.step(lowered, "node", "i"), "gradients += 1"]),
        ]
    if method.announces is not None:
        lines += [
            f"everybody = _array({pieces.PLACE['links']}, (_MANY,), LINK)",
            "for at in range(uint64(begin_a), uint64(end_a)):",
            f"    everybody[uint64(reverse[at])].{method.announces} = node.{method.announces}",
            "messages += end_a - begin_a",
            "bits += (end_a - begin_a) * s.width",
        ]
    lines += [
        "token[2] = i",
        f"draw = _place(number, 0, {pieces.ROUTE}, s.seed_low, s.seed_high)",
        "chosen = route(p, node, links_a, t, draw)",
        "token[1] = -1",
        "if chosen >= 0:",
        "    link = links_a[uint64(chosen)]",
        *indented(pieces.say(lowered, "node", "i", "link", "letter", "told")),
        "    at = uint64(begin_a) + uint64(chosen)",
        "    j = uint64(nbr[at])",
        "    token[0] = j",
        "    token[1] = reverse[at] - first_a[j]",
        "    messages += 1",
        "    tally[1] += 1",
        *([] if lowered.compressor is not None else [f"    bits += {lowered.letter_size // 8} * s.width"]),
        "tally[0] += gradients",
        "tally[2] += messages",
        "tally[3] += bits",
        "return 0",
    ]
    return function("cfunc", "on_event", "i8(i8, i8, f8)", "context, number, t", lines)
