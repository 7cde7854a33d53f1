"""The compiled engine on real networks against the same clocks on an ideal one, and its memory; one JSON line.

    python benchmarks/network.py [--rounds 5] [--quick]

DADAO on least squares, d = 10, 20 samples, random 4-regular graph, as many exchanges as gradients, the error measured every n
events; thread CPU time per event, median of interleaved rounds. Then gossip on 10^5 nodes in a process of its own for every
latency: what the memory of a network is, besides that of the nodes, and how many messages are under way.
"""

import argparse
import json
import subprocess
import sys

from common import Engine, machine, seconds_per_event, three, world

LATENCY = {"name": "exponential", "mean": 0.3}
CHURN = {"churn": {"up": {"name": "exponential", "mean": 20.0}, "down": {"name": "exponential", "mean": 5.0}}}
WORLDS = {
    "latency 0.1": {"wire": {"latency": {"name": "exponential", "mean": 0.1}}},
    "latency 1": {"wire": {"latency": {"name": "exponential", "mean": 1.0}}},
    "churn": {"fleet": CHURN},
    "latency, churn": {"wire": {"latency": LATENCY}, "fleet": CHURN},
    "latency, loss": {"wire": {"latency": LATENCY, "loss": 0.1}},
    "latency, loss, churn": {"wire": {"latency": LATENCY, "loss": 0.1}, "fleet": CHURN},
    "latency, handshake": {"wire": {"latency": LATENCY, "exchange": "handshake"}},
    "queues": {"wire": {"latency": LATENCY, "bandwidth": 20_000.0}},
}


def speeds(n, rounds, events):
    """Return, for every world, its speed over that of the ideal network, and events per second."""
    engines = {"ideal": Engine(world(n))} | {name: Engine(world(n, **more)) for name, more in WORLDS.items()}
    cost = seconds_per_event({name: (engine.run, events) for name, engine in engines.items()}, rounds)
    for engine in engines.values():
        engine.check()
    return {
        "over_ideal": {name: three(cost["ideal"] / value) for name, value in cost.items() if name != "ideal"},
        "events_per_second": {name: round(1 / value) for name, value in cost.items()},
    }


def memory(n, mean, events):
    """Return the bytes that a network holds after so many events, and after twice as many."""
    wire = {"latency": {"name": "exponential", "mean": mean}, "loss": 0.1}
    engine, found = Engine(world(n, method="gossip", wire=wire)), []
    for _ in range(2):
        engine.run(events)
        source = engine.engine.tape.source
        held = [*source.links, *source.calendar, *source.room]
        under_way = len(source.calendar.flights) - int(source.calendar.state[source.code.SPARE])
        found.append({"network_MB": three(sum(part.nbytes for part in held) / 1e6), "under_way": under_way})
    rows = engine.engine.state.nodes.nbytes
    return {"n": n, "latency": mean, "events": [events, 2 * events], "state_MB": three(rows / 1e6), "held": found}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small networks, few events")
    parser.add_argument("--memory", nargs=3, type=float, metavar=("N", "LATENCY", "EVENTS"))
    options = parser.parse_args()
    if options.memory:
        n, mean, events = options.memory
        print(json.dumps(memory(int(n), mean, int(events))))
        return
    sizes = ((100, 20_000),) if options.quick else ((1000, 300_000), (100_000, 400_000))
    found = {str(n): speeds(n, options.rounds, events) for n, events in sizes}
    n, events = (1000, 20_000) if options.quick else (100_000, 1_000_000)
    held = []
    for mean in (0.1, 1.0, 5.0):
        command = [sys.executable, __file__, "--memory", str(n), str(mean), str(events)]
        held.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    print(json.dumps({"n": found, "memory": held, "machine": machine()}))


if __name__ == "__main__":
    main()
