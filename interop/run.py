#!/usr/bin/env python3
"""adit and aditd against OpenSSH, dropbear, PuTTY, asyncssh and paramiko, over real sockets.

Prints a line for each case and ends with "N passed, N failed". --interop tries the programs with
each other, --faults on bad networks, with bad system calls and sudden ends, and --figures measures;
--only takes the cases whose name holds some words. With --self-check the stock programs are tried
against each other, which shows that the cases themselves are right.
"""

import argparse
import os
import signal
import struct
import sys
import time
import traceback
from functools import partial

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cases
import closes
import crowds
import endings
import errnos
import faults
import figures
import kinds
import kinds_hops
import kinds_many
import kinds_refusals
import kinds_socks
import kinds_stdio
import kinds_table
import matrix
import networks
import paths
import people
import programs
import scarce
import silences
from lab import Failed, Lab
from peers import CIPHERS, Server, Tunnel, World, kexes

# Each has all_cases(run, world, build, size).
FAULTS = [faults, closes, endings, errnos, networks, scarce, paths, silences, crowds]

# What --self-check tries.
STOCK = (("ssh", "sshd"), ("asyncssh", "sshd"), ("ssh", "asyncssh"))


class Build:
    """The two programs built with one provider."""

    def __init__(self, name, folder):
        self.name = name
        self.adit = os.path.join(folder, "adit")
        self.aditd = os.path.join(folder, "aditd")

    def exists(self):
        return os.access(self.adit, os.X_OK) and os.access(self.aditd, os.X_OK)


class Run:
    """Counts, and prints as it goes."""

    def __init__(self, only):
        self.only = only
        self.passed = 0
        self.failed = 0

    def wants(self, name):
        return self.only in name

    def case(self, name, function, *arguments):
        if not self.wants(name):
            return
        start = time.monotonic()
        try:
            note = function(*arguments)
        except (Failed, OSError) as failed:
            self.failed += 1
            print(f"FAIL {name}: {failed}", flush=True)
        except Exception:
            self.failed += 1
            print(f"FAIL {name}:\n{traceback.format_exc()}", flush=True)
        else:
            self.passed += 1
            print(f"ok   {name} ({time.monotonic() - start:.2f} s)", flush=True)
            if isinstance(note, str):
                print(f"figure: {note}", flush=True)


def in_tunnel(world, client, server, case, **how):
    with Tunnel(world, client, server, **how) as tunnel:
        case(tunnel)


def short_name(kex, cipher):
    return f"{kex.removesuffix('-sha256')} {cipher.removesuffix('@openssh.com')}"


def pair(run, world, client, kind, build_client=None, build_server=None):
    """Everything for one client and one server."""
    name = client + (f"[{build_client.name}]" if build_client else "")
    name += " -> " + kind + (f"[{build_server.name}]" if build_server else "")
    missing = [k for k in (client, kind) if not world.has(k)]
    if missing:
        print(f"skip: {name}: no {' and no '.join(missing)} here", flush=True)
        return
    who, _, _ = run.only.rpartition(":")
    if who not in name:
        return
    try:
        with Server(world, kind, build_server) as server:
            for case in cases.EVERY:
                run.case(
                    f"{name}: {case.__name__}",
                    lambda case=case: in_tunnel(world, client, server, case, build=build_client),
                )
            for case in cases.TRUST:
                if client == "asyncssh" and case is cases.accept_new:
                    continue
                run.case(f"{name}: {case.__name__}", case, world, client, server, build_client)
            for kex in kexes(client, kind):
                for cipher in CIPHERS:
                    run.case(
                        f"{name}: {short_name(kex, cipher)}",
                        lambda kex=kex, cipher=cipher: in_tunnel(
                            world,
                            client,
                            server,
                            echo_and_bulk,
                            build=build_client,
                            kex=kex,
                            cipher=cipher,
                        ),
                    )
        with Server(world, kind, build_server, rekey="1M") as server:
            for cipher in CIPHERS:
                run.case(
                    f"{name}: rekey every MiB on both sides, {cipher.removesuffix('@openssh.com')}",
                    lambda cipher=cipher: in_tunnel(
                        world,
                        client,
                        server,
                        cases.rekeying,
                        build=build_client,
                        cipher=cipher,
                        rekey="1M",
                    ),
                )
    except Failed as failed:
        run.failed += 1
        print(f"FAIL {name}: {failed}", flush=True)


def echo_and_bulk(tunnel):
    cases.echo(tunnel)
    cases.bulk(tunnel, cases.MIB)


def main():
    # A shell without job control has what it starts with & ignore SIGINT, and so would all programs
    # that are started here. One that is handled is a default one again behind exec(2).
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ring", help="folder of adit and aditd with the default provider")
    parser.add_argument("--pure", help="folder of adit and aditd with the provider without C")
    parser.add_argument("--venv", help="virtual environment that has asyncssh and paramiko")
    parser.add_argument("--interop", choices=["short", "full"])
    parser.add_argument("--faults", choices=["short", "full"])
    parser.add_argument("--figures", choices=["short", "full"])
    parser.add_argument("--self-check", action="store_true")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    options = parser.parse_args()

    named = [("ring", options.ring), ("pure", options.pure)]
    builds = [Build(name, folder) for name, folder in named if folder]
    for build in builds:
        if not build.exists():
            print(f"FAIL no adit and aditd in {os.path.dirname(build.adit)}")
            print("0 passed, 1 failed")
            return 1
    python = options.venv and os.path.join(options.venv, "bin", "python")
    if python and os.system(f"'{python}' -c 'import asyncssh' 2>/dev/null") != 0:
        python = None
    todo = []
    if options.self_check:
        todo += [partial(pair, client=c, kind=s) for c, s in STOCK]
        todo += [*kinds.stock(), *kinds_socks.stock(), *kinds_stdio.stock(), *kinds_hops.stock()]
        todo += [*kinds_refusals.stock(), *kinds_many.stock()]
    if options.interop:
        todo += [
            partial(programs.all_cases, build=builds[0]),
            partial(people.all_cases, build=builds[0]),
            kinds_table.job,
            *kinds.jobs(builds[0]),
            *kinds_socks.jobs(builds[0]),
            *kinds_stdio.jobs(builds[0]),
            *kinds_hops.jobs(builds[0], options.interop == "full"),
            *kinds_refusals.jobs(builds[0], options.interop == "full"),
            *kinds_many.jobs(builds[0], options.interop == "full"),
            *pairs(builds),
            *matrix.jobs(builds, options.interop == "full"),
        ]
    if options.faults:
        todo += [partial(suite.all_cases, build=builds[0], size=options.faults) for suite in FAULTS]
    passed, failed = side_by_side(todo, lambda: World(Lab(), builds, python), options.only)
    if options.figures:
        # By themselves: these measure.
        run = Run(options.only)
        figures.all_cases(run, World(Lab(), builds, python), builds[0], options.figures)
        passed, failed = passed + run.passed, failed + run.failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def pairs(builds):
    """Each of our programs with each of the others."""
    for build in builds:
        for server in ("sshd", "asyncssh"):
            yield partial(pair, client="adit", kind=server, build_client=build)
        for client in ("ssh", "asyncssh"):
            yield partial(pair, client=client, kind="aditd", build_server=build)
        yield partial(pair, client="adit", kind="aditd", build_client=build, build_server=build)
    if len(builds) == 2:
        first, second = builds
        yield partial(pair, client="adit", kind="aditd", build_client=first, build_server=second)


def side_by_side(todo, make_world, only):
    """Does what is to do in as many processes as there are processors, each in a world of its own.
    How many cases passed, and how many failed."""
    # Whoever is free takes the next number out of this pipe.
    numbers, queue = os.pipe()
    os.write(queue, bytes(range(len(todo))))
    os.close(queue)
    workers = []
    for _ in range(min(os.cpu_count(), len(todo))):
        results, result = os.pipe()
        worker = os.fork()
        if worker == 0:
            run = Run(only)
            work_off(todo, numbers, run, make_world())
            os.write(result, struct.pack("II", run.passed, run.failed))
            sys.exit()
        os.close(result)
        workers.append((worker, results))
    passed = failed = 0
    for worker, results in workers:
        counts = os.read(results, struct.calcsize("II"))
        _, status = os.waitpid(worker, 0)
        if counts and status == 0:
            counts = struct.unpack("II", counts)
            passed, failed = passed + counts[0], failed + counts[1]
        else:
            print(f"FAIL a process that runs cases ended with {status}", flush=True)
            failed += 1
    return passed, failed


def work_off(todo, numbers, run, world):
    while number := os.read(numbers, 1):
        try:
            todo[number[0]](run, world)
        except Exception:
            run.failed += 1
            print(f"FAIL {traceback.format_exc()}", flush=True)


sys.exit(main())
