#!/usr/bin/env python3
"""adit and aditd beside ssh and sshd, on loopback, in the same run.

    bench/bench.py [--rounds 3] [--seconds 3] [--tests bulk,ping,rate,idle,first] [--out FILE.json]

Rounds are the outer loop, so that the programs are interleaved in time; medians are printed. The
client and its application run on core 0, the server and its destination on core 1, where there are
two. CPU seconds for each GB are the figure to trust: bits per second swing with everything else.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ROOT, "interop"))

from lab import Lab, Port, Process, cpu_seconds, descendants, rss  # noqa: E402
from peers import CHACHA, GCM128, GCM256, Client, Server, World  # noqa: E402

TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
LOAD = os.path.join(TARGET, "bench", "release", "adit-load")
PAIRS = (("adit", "aditd"), ("ssh", "sshd"), ("adit", "sshd"), ("ssh", "aditd"))
CORES = os.cpu_count() or 1


class Build:
    name = "release"
    adit = os.path.join(TARGET, "release", "adit")
    aditd = os.path.join(TARGET, "release", "aditd")


def pin(pid, core):
    if CORES > 1:
        for task in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(task), {core})


def load(*arguments, core=0):
    argv = (["taskset", "-c", str(core)] if CORES > 1 else []) + [LOAD]
    done = subprocess.run(
        argv + [str(a) for a in arguments], capture_output=True, timeout=300, check=True
    )
    return json.loads(done.stdout)


class Bench:
    def __init__(self, options):
        subprocess.run(["cargo", "build", "-q", "--release", "-p", "adit"], cwd=ROOT, check=True)
        subprocess.run(
            ["cargo", "build", "-q", "--release", "--target-dir", os.path.dirname(os.path.dirname(LOAD))],
            cwd=HERE,
            check=True,
        )
        self.options = options
        self.world = World(Lab(), [Build], None)
        self.samples = {}
        self.raw = open(options.out, "a") if options.out else None
        self.server = Process(["taskset", "-c", str(CORES - 1), LOAD, "serve"])
        self.ports = json.loads(self.server.wait_line(r"\{.*\}").group())

    def keep(self, test, who, **figures):
        for name, value in figures.items():
            self.samples.setdefault(test, {}).setdefault(name, {}).setdefault(who, []).append(value)
        if self.raw:
            self.raw.write(json.dumps({"test": test, "who": who, **figures}) + "\n")
            self.raw.flush()

    def tunnel(self, pair, target, cipher):
        return Running(self.world, pair, self.ports[target], cipher)

    def bulk(self, pair, who):
        for cipher in (GCM128, GCM256, CHACHA):
            for way, target in (("up", "sink"), ("down", "source")):
                with self.tunnel(pair, target, cipher) as tunnel:
                    before = tunnel.cpu()
                    step = {"up": "push", "down": "pull"}[way]
                    moved = load(step, tunnel.port, self.options.seconds, 1)
                    client, server = (a - b for a, b in zip(tunnel.cpu(), before))
                    gigabytes = moved["bytes"] / 1e9
                    name = f"bulk {cipher.split('@')[0]} {way}"
                    both = (client + server) / gigabytes
                    gbits = 8 * gigabytes / moved["seconds"]
                    self.keep(name, who, **{"CPU-s/GB, both ends": both, "Gbit/s": gbits})

    def ping(self, pair, who):
        with self.tunnel(pair, "echo", GCM128) as tunnel:
            times = load("ping", tunnel.port, 2)
            self.keep("round trip of a byte", who, **{"p50, us": times["p50"], "p99, us": times["p99"]})

    def rate(self, pair, who):
        for at_once in (1, 64):
            with self.tunnel(pair, "echo", GCM128) as tunnel:
                done = load("rate", tunnel.port, 3000, at_once)
                good = done["count"] - done["failed"]
                self.keep(f"connections, {at_once} at once", who, **{"per second": good / done["seconds"]})

    def idle(self, pair, who):
        count = 1000
        with self.tunnel(pair, "echo", GCM128) as tunnel:
            load("rate", tunnel.port, 64, 64)
            before = tunnel.memory()
            holder = subprocess.Popen(
                [LOAD, "idle", str(tunnel.port), str(count)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            holder.stdout.readline()
            client, server = ((a - b) / count / 1024 for a, b in zip(tunnel.memory(), before))
            last, _ = holder.communicate()
            among = json.loads(last)["p50"]
            name = f"{count} idle connections"
            figures = {"KiB each, client": client, "KiB each, server": server}
            self.keep(name, who, **figures, **{"round trip among them, us": among})

    def first(self, pair, who):
        with Server(self.world, pair[1], Build if pair[1] == "aditd" else None) as server:
            for _ in range(5):
                listen = Port()
                forwards = [(listen.number, self.ports["echo"])]
                how = {"build": Build, "verbose": False, "wait": False}
                client = Client(self.world, pair[0], server, forwards, **how, wrap=[LOAD, "first", listen.number])
                client.process.wait_exit(60)
                milliseconds = json.loads(client.process.output())["ms"]
                self.keep("first byte from the start of the client", who, ms=milliseconds)
                listen.close()

    def run(self):
        for number in range(self.options.rounds):
            for test in self.options.tests.split(","):
                for pair in PAIRS:
                    who = " -> ".join(pair)
                    print(f"round {number + 1}: {test}: {who}", file=sys.stderr, flush=True)
                    getattr(self, test)(pair, who)
        self.server.stop()
        names = [" -> ".join(pair) for pair in PAIRS]
        print("| | | " + " | ".join(names) + " |")
        print("|---|---|" + "---|" * len(names))
        for test, figures in self.samples.items():
            for figure, by in figures.items():
                cells = [f"{statistics.median(by[n]):.3g}" if n in by else "-" for n in names]
                print(f"| {test} | {figure} | " + " | ".join(cells) + " |")


class Running:
    """A tunnel with its two programs on a core each."""

    def __init__(self, world, pair, target, cipher):
        self.listen = Port()
        self.port = self.listen.number
        self.server = Server(world, pair[1], Build if pair[1] == "aditd" else None)
        pin(self.server.process.pid, CORES - 1)
        forwards = [(self.port, target)]
        how = {"build": Build, "verbose": False, "cipher": cipher}
        self.client = Client(world, pair[0], self.server, forwards, **how)
        pin(self.client.process.pid, 0)

    def processes(self):
        return ([self.client.process.pid], descendants(self.server.process.pid))

    def cpu(self):
        return tuple(sum(map(cpu_seconds, pids)) for pids in self.processes())

    def memory(self):
        return tuple(sum(map(rss, pids)) for pids in self.processes())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.stop()
        self.server.stop()
        self.listen.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--tests", default="bulk,ping,rate,idle,first")
    parser.add_argument("--out", help="raw samples, a line of JSON each")
    Bench(parser.parse_args()).run()


main()
