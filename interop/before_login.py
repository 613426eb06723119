"""What strangers cost the server before their login, in memory and time, and what they learn of its
users: nothing. Registered with the figures, since it measures."""

import json
import os
import statistics
import subprocess

from lab import Failed, Process, cpu_seconds
from peers import Server
from traffic import check

KIB = 1024
# Of one connection, wherever it stops: a receive buffer for the largest packet (35 KiB), little to
# send with, and the state of one key exchange.
MEMORY_MAX = 64 * KIB
# From its first byte to a refused login, on the machine of the continuous integration.
CPU_MAX = 0.0015
# The delay of a failure is 5 ms and up to 4.3 that belong to a name. The same name, with keys and
# without, has the same: what is left of a difference is the machine's.
SAME = 0.001
SHORTEST = 0.005
COUNT = {"short": 100, "full": 1000}
NAMES = {"short": 10, "full": 40}
TRIES = 10


def anonymous(pid):
    """What a process holds that no other has and no file, in bytes."""
    for line in open(f"/proc/{pid}/smaps_rollup"):
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * KIB
    raise Failed(f"no memory of process {pid}")


class Stranger:
    """A script that says a line and waits for one."""

    def __init__(self, world, server, role, count):
        argv = world.python_peer("stranger", role, "--port", str(server.port))
        argv += ["--count", str(count), "--key", world.lab.path("stranger")]
        self.process = Process(argv, env=world.lab.env, stdin=subprocess.PIPE)

    def say(self, text):
        self.process.child.stdin.write(f"{text}\n".encode())
        self.process.child.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.child.stdin.close()
        self.process.stop()


def what_a_stranger_costs(world, build, size):
    """Memory at each point where a client can stop, and CPU up to a refused login."""
    count = COUNT[size]
    options = ["MaxStartups=5000", "LoginGraceTime=0"]
    with Server(world, "aditd", build, options=options) as server:
        pid = server.process.pid
        with Stranger(world, server, "park", 3) as first:
            # What the first ones need that the later ones find there.
            for point in ("connected", "kexinit", "gone", "keys", "login", "ended"):
                first.process.wait_line(f"^{point}$", 60)
                first.say("on")
        memory, cpu = {}, {}
        before = anonymous(pid), cpu_seconds(pid)
        with Stranger(world, server, "park", count) as all_of_them:
            for point in ("connected", "kexinit", "gone", "keys", "login", "ended"):
                all_of_them.process.wait_line(f"^{point}$", 300)
                memory[point] = (anonymous(pid) - before[0]) / count
                cpu[point] = (cpu_seconds(pid) - before[1]) / count
                all_of_them.say("on")
    each = cpu["login"] - cpu["gone"]
    note = f"{count} strangers: " + ", ".join(
        f"{memory[point] / KIB:.1f} KiB {words}"
        for point, words in (
            ("connected", "with nothing said"),
            ("kexinit", "after KEXINIT"),
            ("keys", "after NEWKEYS"),
            ("login", "after a refused key"),
        )
    )
    note += f", each; {1000 * each:.2f} ms of CPU to a refused login"
    check(max(memory.values()) <= MEMORY_MAX, f"more than {MEMORY_MAX // KIB} KiB: {note}")
    check(each <= CPU_MAX, f"more than {1000 * CPU_MAX} ms: {note}")
    return note


def users_who_are_there_and_who_are_not_look_alike(world, build, size):
    """The same name without a file of keys and with one: the same bytes, and the same time."""
    folder = world.lab.path("keys_of_users")
    os.makedirs(folder, exist_ok=True)
    names = [f"user{n}" for n in range(NAMES[size])]
    key = open(world.lab.path("authorized_keys")).read()
    options = [f"AuthorizedKeysFile={folder}/%u", "MaxAuthTries=1000"]
    times = {}
    answers = set()
    with Server(world, "aditd", build, options=options) as server:
        with Stranger(world, server, "times", TRIES) as stranger:
            lines = 0
            # In turn, so that whatever else the machine does meets both.
            for state in ("away", "there", "away", "there"):
                for name in names:
                    path = os.path.join(folder, name)
                    if state == "there":
                        with open(path, "w") as file:
                            file.write(key)
                    elif os.path.exists(path):
                        os.remove(path)
                    stranger.say(name)
                    lines += 1
                    seen = answer(stranger.process, lines)
                    check(len(seen) == TRIES, f"{len(seen)} answers for {name}")
                    times.setdefault((state, name), []).extend(took for took, _, _ in seen)
                    answers.update((length, text) for _, length, text in seen)
    check(len(answers) == 1, f"answers differ: {answers}")
    shortest = min(min(all_of_it) for all_of_it in times.values())
    check(shortest >= SHORTEST, f"an answer after {1000 * shortest:.2f} ms")
    # The quickest of each name: what a busy machine adds is no part of it.
    quickest = {key: min(all_of_it) for key, all_of_it in times.items()}
    apart = [quickest["there", name] - quickest["away", name] for name in names]
    middle = statistics.median(apart)
    note = (
        f"refusals of {len(names)} names, with keys and without: the quickest of each after "
        f"{1000 * min(quickest.values()):.2f} to {1000 * max(quickest.values()):.2f} ms, "
        f"{1000 * middle:+.3f} ms apart"
    )
    check(abs(middle) <= SAME, note)
    return note


def answer(process, number):
    """That line of its answers."""
    process.wait_count("[[", number, 60)
    lines = [line for line in process.lines if line is not None and line.startswith("[[")]
    check(len(lines) >= number, f"no answer\n{process.report()}")
    return json.loads(lines[number - 1])


def all_cases(run, world, build, size):
    if not world.has("paramiko"):
        print("skip: figures: strangers: no paramiko here")
        return
    look_alike = users_who_are_there_and_who_are_not_look_alike
    run.case("figures: who is there and who is not", look_alike, world, build, size)
    # The programs make themselves undebuggable, for everybody but root.
    if os.getuid() == 0:
        run.case("figures: what a stranger costs", what_a_stranger_costs, world, build, size)
    else:
        print("skip: figures: what a stranger costs: root is needed")
