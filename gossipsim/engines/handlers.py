"""The generated handlers that the loop over events calls: a gradient, an exchange, a round, a hop of a token, a record."""

from __future__ import annotations

from gossipsim.engines import pieces
from gossipsim.engines.lowering import CONTEXT, STACK, Lowered
from gossipsim.engines.events import ACKNOWLEDGED, AWAY, BACK, DELIVER, FAILED, LOST, SPEAK
from gossipsim.engines.text import function, indented
from gossipsim.stream import Purpose


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
        parts += [on_gradient(lowered), on_exchange(lowered)]
    return "\n".join(parts)


def on_measure(lowered: Lowered) -> str:
    """Error and, unless `simple`, consensus; every node's sum of squares has four partial sums."""
    field = lowered.method.primal
    dual = lowered.method.oracle == "conjugate"
    token = lowered.method.talks == "route"
    lines = [
        *pieces.open_rows(lowered, "FQ" if dual else "F"),
        f"nodes = carray({pieces.PLACE['nodes']}, (_MANY,), NODE)",
        "X = carray(_pointer(points), (_MANY, _D), np.float64)",
        "goal = carray(_pointer(target), (_D,), np.float64)",
        "out = carray(_pointer(values), (2,), np.float64)",
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
        pieces.vector(lowered, "mean", 1),
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
        place = f"carray({pieces.PLACE['slots']}, (_MANY, 2), np.int64)[uint64(edge), {end}]"
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
        f"slots_{side} = carray(_stack(1), (1,), np.int64)",
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
    if per_link:
        speech = [
            "for slot in range(uint64(end_a - begin_a)):",
            *indented(["link = links_a[slot]", "out = outbox[uint64(begin_a) + slot]", *speak]),
            f"    said[uint64(begin_a) + slot] = {told}",
        ]
    else:
        # a verb that does not look at its link gets the first row, which exists even where a node has no neighbour
        first = f"link = carray({pieces.PLACE['links']}, (1,), LINK)[0]"
        speech = [first, "out = outbox[i]", *speak, f"said[i] = {told}"]
    here = " and not away[i]" if lowered.networked else ""
    sender, mine = ("reverse[at]", "at") if per_link else ("j", "i")
    lines = [
        *pieces.open_rows(lowered, "PFQCS"),
        pieces.integers("tally", "tally"),
        *(pieces.integers(name, name) for name in ("said", "nbr", "reverse")),
        f"outbox = carray({pieces.PLACE['letters']}, {outbox})",
        f"nodes = carray({pieces.PLACE['nodes']}, (_MANY,), NODE)",
        *([pieces.integers("away", "away"), pieces.integers("bad", "bad")] if lowered.networked else []),
        pieces.integers("places", "gathered"),
        f"senders = carray(_pointer(c[{CONTEXT.index('gathered')}] + 8 * s.n), (_MANY,), np.int64)",
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
        f"            activations += j > i and (said[sender] != 0 or said[{mine}] != 0)",
        "            if said[sender]:",
        "                sent_bits += said[sender] - 1",
        "                messages += 1",
        *indented(_arrives(lowered), 4),
        "                places[uint64(count)] = slot",
        "                senders[uint64(count)] = sender",
        "                count += 1",
        f"        slots = carray({pieces.PLACE['gathered']}, (count,), np.int64)",
        *(["        if away[i]:", "            continue"] if lowered.networked else []),
        *indented(pieces.hear(lowered, "node", "i", "links_a", "outbox", "slots"), 2),
        "tally[0] += gradients",
        "tally[1] += activations",
        "tally[2] += messages",
        "tally[3] += sent_bits",
        "return 0",
    ]
    return function("cfunc", "on_event", "i8(i8, i8, f8)", "context, number, t", lines)


def _arrives(lowered: Lowered) -> list[str]:
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
    """What happens on a real network besides: `kind` and `place` are those of `events.kind_and_place`."""
    vectors = [name for name, kind in lowered.method.node.items() if kind == "vector"]
    words = lowered.size("NODE") // 8
    place = CONTEXT.index("letters")
    letter = f"_pointer(c[{place}] + {{}} * {lowered.letter_size})"
    node_words = "carray(_pointer(c[{}] + uint64({}) * {}), ({},), np.int64)".format
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
        f"ends = carray({pieces.PLACE['ends']}, (_MANY, 2), np.int64)",
        f"slots_of = carray({pieces.PLACE['slots']}, (_MANY, 2), np.int64)",
        "side = 0 if ends[uint64(edge), 0] == i else 1",
        "slot_a = slots_of[uint64(edge), side]",
        *pieces.links(lowered, "a", "i", always=True),
        "slots = carray(_stack(1), (1,), np.int64)",
        "slots[0] = slot_a",
        *pieces.letter_at(lowered, letter.format("place"), "mine", "inbox_mine"),
        "bits = np.int64(0)",
        "link = links_a[slot_a]",
        f"if kind == {SPEAK}:",
        *indented(pieces.say(lowered, "node", "i", "link", "mine", "told")),
        "    said[uint64(place)] = 1 if told else 0",
        "    if told:",
        "        tally[2] += 1",
        "        tally[3] += s.bits",
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

    An update by the difference of two messages that were made at other times keeps the sum, whatever happened to either node since.
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
        "slots = carray(_stack(1), (1,), np.int64)",
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
            f"everybody = carray({pieces.PLACE['links']}, (_MANY,), LINK)",
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
