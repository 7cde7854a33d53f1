"""Four ways to write a verb, measured on the same events in the same machine code around them; one JSON line.

    python benchmarks/idioms.py [--rounds 7]

lifted:  whole-vector statements that `lift` turns into loops (what methods are written in)
loops:   an explicit loop over coordinates
helpers: calls such as axpy(node.x, -p.gamma, r) on whole vectors
arrays:  whole-vector statements compiled as they stand, which allocate their temporaries
"""

import argparse
import ast
import json
import statistics
import time

import numpy as np

import gossipsim as gs
from gossipsim.engines import binding, choice, lowering
from gossipsim.engines.events import Limits
from gossipsim.methods.base import kernel
from gossipsim.methods.dadao import Dadao
from gossipsim.methods.gossip import Gossip


def axpy(y, a, x):
    for k in range(len(y)):
        y[k] += a * x[k]


def assign(y, x):
    for k in range(len(y)):
        y[k] = x[k]


class LoopGossip(Gossip):
    """Gossip with explicit loops."""

    @kernel
    def receive(p, node, links, t, inbox, slots):
        for k in range(len(node.x)):
            node.x[k] = 0.5 * (node.x[k] + inbox[0, k])


class HelperGossip(Gossip):
    """Gossip with helpers."""

    @kernel
    def receive(p, node, links, t, inbox, slots):
        axpy(node.x, 1.0, inbox[0])
        for k in range(len(node.x)):
            node.x[k] *= 0.5


class LoopDadao(Dadao):
    """DADAO with explicit loops."""

    @kernel
    def step(p, node, t, g):
        for k in range(len(g)):
            r = g[k] - p.nu * node.x[k] - node.y_tilde[k]
            node.x[k] -= p.gamma * r
            node.x_tilde[k] -= p.gamma_tilde * r
            node.y_tilde[k] += (p.delta + p.delta_tilde) * r

    @kernel
    def message(p, node, link, t, out):
        for k in range(len(out)):
            out[k] = node.y[k] + node.z[k]
        return True

    @kernel
    def receive(p, node, links, t, inbox, slots):
        for k in range(len(node.z)):
            r = node.y[k] + node.z[k] - inbox[0, k]
            node.z[k] -= p.beta * r
            node.z_tilde[k] -= p.beta_tilde * r


class HelperDadao(Dadao):
    """DADAO with helpers."""

    @kernel
    def step(p, node, t, g):
        axpy(g, -p.nu, node.x)
        axpy(g, -1.0, node.y_tilde)
        axpy(node.x, -p.gamma, g)
        axpy(node.x_tilde, -p.gamma_tilde, g)
        axpy(node.y_tilde, p.delta + p.delta_tilde, g)

    @kernel
    def message(p, node, link, t, out):
        assign(out, node.y)
        axpy(out, 1.0, node.z)
        return True

    @kernel
    def receive(p, node, links, t, inbox, slots):
        r = inbox[0]
        axpy(r, -1.0, node.y)
        axpy(r, -1.0, node.z)
        axpy(node.z, p.beta, r)
        axpy(node.z_tilde, p.beta_tilde, r)


def unlifted(verb, arguments, name=None, room=None):
    tree = ast.parse(ast.unparse(verb.tree)).body[0]
    tree.name = name
    return tree


def engine(method, dim, lifter):
    world = gs.World.build(
        gs.Scenario.parse(
            {
                "topology": {"name": "random_regular", "n": 100, "degree": 4, "seed": 1},
                "problem": {"name": "quadratic", "dim": dim, "mu": 1.0, "L": 4.0},
                "method": method(),
                "init": "normal",
                "run": {"events": 10**12},
            }
        )
    )
    before, lowering.lift = lowering.lift, lifter
    try:
        return choice.choose("compiled", world)
    finally:
        lowering.lift = before


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    assert binding.Lowered is lowering.Lowered
    lift, found = lowering.lift, {}
    for dim in (10,) if options.quick else (10, 100):
        for name, loops, helpers, plain in (
            ("gossip", LoopGossip, HelperGossip, Gossip),
            ("dadao", LoopDadao, HelperDadao, Dadao),
        ):
            engines = {
                "lifted": engine(plain, dim, lift),
                "loops": engine(loops, dim, lift),
                "helpers": engine(helpers, dim, lift),
                "arrays": engine(plain, dim, unlifted),
            }
            times = {idiom: [] for idiom in engines}
            for _ in range(options.rounds):
                for idiom, one in engines.items():
                    began = time.thread_time()
                    one.advance(Limits(events=one.state.counts.events + 20_000))
                    times[idiom].append((time.thread_time() - began) / 20_000 * 1e9)
            assert all(np.isfinite(one.state.nodes.x).all() for one in engines.values())
            middle = {idiom: statistics.median(values) for idiom, values in times.items()}
            found[f"{name}_d{dim}"] = {
                "over_lifted": {idiom: round(value / middle["lifted"], 2) for idiom, value in middle.items()},
                "lifted_ns": round(middle["lifted"]),
            }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
