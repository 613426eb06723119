"""-J, ProxyJump and ProxyCommand: sessions through sessions, with every server as a hop."""

from contextlib import ExitStack, contextmanager
from functools import partial

from kinds import LETS, Session, carries
from kinds_ends import LOCAL, REMOTE, TCP
from lab import HOST, USER, Failed, Process
from peers import Server, client_argv
from kinds_stdio import SIZE
from stream import whole
from traffic import Task, check

WANTED = [(LOCAL, TCP, TCP), (REMOTE, TCP, TCP)]
# As a hop each of them has what it takes: direct-tcpip.
HOPS = ("sshd", "dropbear", "asyncssh", "paramiko", "aditd")


def configuration(world, servers, host_key="host", more=""):
    """What all hops need, as a hop has nothing of its client's command line."""
    known = "".join(
        f"[{HOST}]:{server.port} {world.lab.public_key(host_key if n == 0 else 'host')}\n"
        for n, server in enumerate(servers)
    )
    lines = [
        "Host *",
        "BatchMode yes",
        "StrictHostKeyChecking yes",
        f"UserKnownHostsFile {world.lab.file(known, 'known_hosts')}",
        "GlobalKnownHostsFile /dev/null",
        "IdentitiesOnly yes",
        f"IdentityFile {world.lab.path('user')}",
        "ExitOnForwardFailure yes",
        more,
    ]
    return world.lab.file("\n".join(lines) + "\n", "config")


@contextmanager
def servers_of(world, build, kinds):
    with ExitStack() as stack:
        yield [
            stack.enter_context(Server(world, kind, build, options=LETS.get(kind, ()))) for kind in kinds
        ]


def named(server):
    return f"{USER}@{HOST}:{server.port}"


def through(world, build, client, kinds, wanted=WANTED):
    """A session to the last of the servers, through all before it."""
    with servers_of(world, build, kinds) as (*hops, last):
        config = configuration(world, [*hops, last])
        words = ["-J", ",".join(map(named, hops))]
        how = {"build": build, "wanted": wanted, "words": words, "config": config}
        with Session(world, client, last, **how) as session:
            for forward in session.forwards:
                carries(session, forward)
            tasks = [Task(whole, f.pair(), SIZE, SIZE, n) for n, f in enumerate(session.forwards * 4)]
            for task in tasks:
                task.result()


def a_hop_whose_key_has_changed_ends_it(world, build, client, kind):
    with servers_of(world, build, (kind, "aditd")) as (hop, last):
        config = configuration(world, [hop, last], "other_host")
        refused(world, build, client, last, ["-J", named(hop)], config, "Host key verification failed")


def a_hop_that_is_not_there_ends_it(world, build, client):
    with servers_of(world, build, ("aditd",)) as (last,):
        config = configuration(world, [last])
        refused(world, build, client, last, ["-J", f"{HOST}:1"], config, "Connection refused")


def a_host_behind_the_hop_that_is_not_there_ends_it(world, build, client, kind):
    with servers_of(world, build, (kind, "aditd")) as (hop, last):
        config = configuration(world, [hop, last])
        last.process.stop()
        refused(world, build, client, last, ["-J", named(hop)], config, "open failed: connect failed")


def refused(world, build, client, last, words, config, text):
    process = Process(
        client_argv(world, client, last, build=build, config=config, more=words), env=world.lab.env
    )
    try:
        check(process.wait_exit() == 255, f"does not end with 255\n{process.report()}")
        process.wait_line(text, 1)
    finally:
        process.stop()


def a_command_is_the_connection(world, build, client, proxy, kind):
    """ProxyCommand, with each program that can be one."""
    with servers_of(world, build, (kind, "aditd" if client != "adit" else "sshd")) as (hop, last):
        config = configuration(world, [hop, last])
        program = {"adit": lambda: build.adit, "ssh": lambda: world.ssh}
        if proxy in program:
            command = f"{program[proxy]()} -F {config} -p {hop.port} -W [%h]:%p {HOST}"
        else:
            key = world.lab.dropbear_key(world.lab.path("user"))
            command = f"{world.dbclient} -y -y -i {key} -p {hop.port} -B %h:%p {HOST} 2>/dev/null"
        how = {"build": build, "wanted": WANTED, "config": config, "options": [f"ProxyCommand={command}"]}
        with Session(world, client, last, **how) as session:
            for forward in session.forwards:
                carries(session, forward)


def jobs_of(run, world, build, pairs):
    """Client, proxies and hops of each case."""
    for title, function, needs, given in pairs:
        name = f"kinds: {title}"
        if not run.wants(name):
            continue
        missing = [program for program in needs if not world.has(program)]
        if missing:
            print(f"skip: {name}: no {' and no '.join(missing)} here", flush=True)
            continue
        try:
            run.case(name, function, world, build, *given)
        except Failed as failed:
            run.failed += 1
            print(f"FAIL {name}: {failed}", flush=True)


def jumps(client, *rows):
    return [
        (f"{' -> '.join((client, *row))}: -J", through, (client, *row), (client, row)) for row in rows
    ]


def commands(client, *rows):
    return [
        (
            f"{client} -> {kind}: ProxyCommand {proxy}",
            a_command_is_the_connection,
            (client, proxy, kind),
            (client, proxy, kind),
        )
        for proxy, kind in rows
    ]


JUMPERS = ("ssh", "adit")
COMMANDS = {"adit": ("ssh", "adit", "dbclient"), "ssh": ("adit",)}
# The others each alone, in the long form.
ALONE = jumps("adit", *((hop, "aditd") for hop in HOPS if hop != "sshd"))
OURS = jumps(
    "adit",
    ("aditd", "sshd"),
    ("sshd", "aditd"),
    HOPS + ("sshd",),
    # As many hops as there may be.
    ("aditd", "sshd") * 4 + ("aditd",),
)
OURS += jumps("ssh", ("aditd", "aditd"), ("aditd", "sshd", "aditd", "sshd"))
OURS += [row for client, by in COMMANDS.items() for row in commands(client, *((p, "aditd") for p in by))]
OURS += [
    ("adit -> aditd -> aditd: a changed key of the hop", a_hop_whose_key_has_changed_ends_it, (), ("adit", "aditd")),
    ("adit -> nobody -> aditd", a_hop_that_is_not_there_ends_it, (), ("adit",)),
    (
        "adit -> aditd -> nobody",
        a_host_behind_the_hop_that_is_not_there_ends_it,
        (),
        ("adit", "aditd"),
    ),
]

STOCK = jumps("ssh", ("sshd", "sshd"), HOPS[:-1] + ("sshd",))


def jobs(build, full):
    some = OURS + (ALONE if full else [])
    # In two halves, which take turns with others.
    return [partial(jobs_of, build=build, pairs=some[half::2]) for half in range(2)]


def stock():
    return [partial(jobs_of, build=None, pairs=STOCK)]
