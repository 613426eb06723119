"""What adit and aditd do as programs: the main job, what they refuse and in which words, how they end."""

import os
import re
import signal
import socket
import stat
import subprocess
import time

import cases
from lab import HOST, USER, Failed, Port, Process
from peers import Client, Server, Tunnel, exactly
from stream import ALL, follow, pour
from traffic import Task, check, ended

SECOND = 1.0


def the_main_job(world, build):
    """adit -L P:localhost:Q user@HostB, and a whole ssh session through it, as a person would."""
    with Server(world, "sshd") as near, Server(world, "sshd") as far:
        listen = Port()
        argv = [build.adit, "-F", "none", "-i", world.lab.path("user"), "-p", near.port]
        argv += ["-o", f"UserKnownHostsFile={world.lab.known_hosts(near.port)}"]
        argv += ["-L", f"{listen.number}:localhost:{far.port}", f"{USER}@{HOST}"]
        adit = Process(argv, env=world.lab.env)
        try:
            adit.wait_listening(listen.number)
            known = world.lab.known_hosts(listen.number)
            command = [world.ssh, "-F", "none", "-i", world.lab.path("user"), "-p", listen.number]
            command += ["-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes"]
            command += [f"{USER}@{HOST}", "echo through; head -c 4000000 /dev/zero | sha256sum"]
            done = subprocess.run(
                [str(c) for c in command],
                capture_output=True,
                timeout=30,
                env=world.lab.env,
                check=False,
            )
            expected = subprocess.run(
                "echo through; head -c 4000000 /dev/zero | sha256sum",
                shell=True,
                capture_output=True,
                check=True,
            )
            check(done.stdout == expected.stdout, f"{done}\n{adit.report()}\n{far.process.report()}")
            # The default: loopback of both families, and nothing else.
            for family, address in ((socket.AF_INET, HOST), (socket.AF_INET6, "::1")):
                if family == socket.AF_INET6 and not has_ipv6():
                    continue
                with socket.socket(family) as sock:
                    sock.settimeout(5)
                    sock.connect((address, listen.number))
                    check(sock.recv(4) == b"SSH-", f"no answer through {address}")
        finally:
            adit.stop()


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


def nothing_may_be_opened_unless_it_is_said(world, build):
    with Server(world, "aditd", build, forwarding=False) as server:
        check(
            re.search(r"AllowTcpForwarding|PermitOpen", server.process.output()),
            f"the start does not say that nothing may be opened\n{server.process.report()}",
        )
        with Tunnel(world, "adit", server, build=build) as tunnel:
            tunnel.refused(tunnel.listen.number)
            tunnel.client.process.wait_line("administratively prohibited")
            tunnel.target.settimeout(0.2)
            try:
                tunnel.accept(0.2)
            except TimeoutError:
                return
            raise Failed("a connection arrived that was not allowed")


def permit_open_allows_what_it_names(world, build):
    for client in ("adit", "ssh"):
        if not world.has(client):
            continue
        with Server(world, "aditd", build, forwarding=False, options=["PermitOpen=127.0.0.1:9"]) as s:
            with Tunnel(world, client, s, build=build) as tunnel:
                tunnel.refused(tunnel.listen.number)
                s.process.wait_line(r"denied|refused|prohibited")
    target = Port()
    option = f"PermitOpen=127.0.0.1:{target.number}"
    with Server(world, "aditd", build, forwarding=False, options=[option]) as server:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, target.number))
        listener.listen()
        listen = Port()
        client = Client(world, "adit", server, [(listen.number, target.number)], build=build)
        try:
            a = socket.create_connection((HOST, listen.number), 10)
            listener.settimeout(10)
            b, _ = listener.accept()
            a.sendall(b"in")
            check(exactly(b, 2) == b"in", "the allowed destination does not get its bytes")
        finally:
            client.stop()
            listener.close()


def a_session_is_refused_in_words(world, build):
    with Server(world, "aditd", build) as server:
        argv = [world.ssh, "-F", "none", "-i", world.lab.path("user"), "-p", server.port]
        argv += ["-o", f"UserKnownHostsFile={world.lab.known_hosts(server.port)}"]
        ssh = Process([*argv, "-o", "BatchMode=yes", f"{USER}@{HOST}", "true"], env=world.lab.env)
        try:
            ssh.wait_line("this server only forwards ports; use ssh -N")
            check(ssh.wait_exit() == 255, f"ends with 0\n{ssh.report()}")
        finally:
            ssh.stop()


def the_agent_signs(world, build):
    sock = world.lab.path("agent.sock")
    agent = Process([world.ssh_agent, "-D", "-a", sock], env=world.lab.env)
    try:
        agent.wait_line("SSH_AUTH_SOCK")
        env = {**world.lab.env, "SSH_AUTH_SOCK": sock}
        for key in ("stranger", "user"):
            subprocess.run(["ssh-add", "-q", world.lab.path(key)], env=env, check=True, timeout=10)
        with Server(world, "sshd") as server:
            known = world.lab.known_hosts(server.port)
            argv = [build.adit, "-v", "-F", "none", "-o", f"UserKnownHostsFile={known}"]
            listen = Port()
            argv += ["-p", server.port, "-L", f"{listen.number}:localhost:{server.port}"]
            adit = Process([*argv, "-o", "BatchMode=yes", f"{USER}@{HOST}"], env=env)
            try:
                adit.wait_listening(listen.number)
                with socket.create_connection((HOST, listen.number), 10) as a:
                    check(exactly(a, 4) == b"SSH-", "nothing came through")
            finally:
                adit.stop()
    finally:
        agent.stop()


def a_host_key_is_made_once(world, build):
    path = world.lab.path("made_host_key")
    fingerprints = []
    for _ in range(2):
        port = Port()
        argv = [build.aditd, "-D", "-e", "-p", port.number, "-h", path]
        argv += ["-o", f"ListenAddress={HOST}", "-o", "AllowTcpForwarding=yes"]
        argv += ["-o", f"AuthorizedKeysFile={world.lab.path('authorized_keys')}"]
        server = Process(argv, env=world.lab.env)
        try:
            server.wait_listening(port.number)
            fingerprints.append(server.wait_line(r"SHA256:[A-Za-z0-9+/]{43}").group())
        finally:
            server.stop()
            port.close()
    mode = stat.S_IMODE(os.stat(path).st_mode)
    check(mode == 0o600, f"the made key has mode {mode:o}")
    check(fingerprints[0] == fingerprints[1], "a second start made another key")
    shown = subprocess.run(
        ["ssh-keygen", "-lf", path], capture_output=True, text=True, timeout=10, check=True
    ).stdout
    check(fingerprints[0] in shown, f"ssh-keygen shows {shown!r} for {fingerprints[0]}")


def a_silent_server_is_noticed(world, build):
    with Server(world, "aditd", build) as server:
        options = ["ServerAliveInterval=1", "ServerAliveCountMax=2"]
        with Tunnel(world, "adit", server, build=build, options=options) as tunnel:
            a, b = tunnel.pair()
            server.process.signal(signal.SIGSTOP)
            try:
                code = tunnel.client.process.wait_exit(20)
            finally:
                server.process.signal(signal.SIGCONT)
            check(code == 255, f"ends with {code}")
            tunnel.client.process.wait_line(rf"Timeout, server {HOST} not responding\.", 1)
            check(ended(a) == "RST", "the application takes the broken tunnel for a clean end")
            b.close()


def a_killed_server_is_no_clean_end(world, build):
    server = Server(world, "aditd", build)
    with Tunnel(world, "adit", server, build=build) as tunnel:
        a, b = tunnel.pair()
        a.sendall(b"x")
        exactly(b, 1)
        server.process.signal(signal.SIGKILL)
        check(ended(a) == "RST", "the application takes the broken tunnel for a clean end")
        check(tunnel.client.process.wait_exit() == 255, "ends with 0")
        server.stop()


def a_killed_client_is_no_clean_end(world, build):
    with Server(world, "aditd", build) as server:
        with Tunnel(world, "adit", server, build=build) as tunnel:
            a, b = tunnel.pair()
            a.sendall(b"x")
            exactly(b, 1)
            tunnel.client.process.signal(signal.SIGKILL)
            check(ended(b) == "RST", "the destination takes the broken tunnel for a clean end")
            a.close()


def signals_end_a_client_in_order(world, build):
    for number, expected in ((signal.SIGTERM, 0), (signal.SIGINT, 255)):
        with Server(world, "aditd", build) as server:
            with Tunnel(world, "adit", server, build=build) as tunnel:
                a, b = tunnel.pair()
                a.sendall(b"x")
                exactly(b, 1)
                start = time.monotonic()
                tunnel.client.process.signal(number)
                code = tunnel.client.process.wait_exit(5)
                took = time.monotonic() - start
                check(code == expected, f"{number.name}: ends with {code} instead of {expected}")
                check(took <= SECOND, f"{number.name}: took {took:.1f} s")
                ended(a)
                ended(b)


def signals_end_a_server_in_order(world, build):
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server(world, "aditd", build) as server:
            with Tunnel(world, "adit", server, build=build) as tunnel:
                a, b = tunnel.pair()
                a.sendall(b"x")
                exactly(b, 1)
                start = time.monotonic()
                server.process.signal(number)
                server.process.wait_exit(5)
                took = time.monotonic() - start
                check(took <= SECOND, f"{number.name}: took {took:.1f} s")
                ended(a)
                ended(b)
                check(tunnel.client.process.wait_exit(5) == 255, "the client ends with 0")


def a_port_in_use_is_named(world, build):
    with Server(world, "aditd", build) as server, socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        client = Client(world, "adit", server, [(port, 9)], build=build, wait=False)
        try:
            check(client.process.wait_exit() == 255, f"ends with 0\n{client.process.report()}")
            client.process.wait_line(rf"{port}.*(Address already in use|cannot listen)", 1)
        finally:
            client.stop()


def a_too_open_key_is_named(world, build):
    path = world.lab.path("open_key")
    with open(path, "w") as file:
        file.write(open(world.lab.path("user")).read())
    os.chmod(path, 0o644)
    with Server(world, "aditd", build) as server:
        cases.refusal(world, "adit", server, build, "open_key", key="open_key")


def a_refused_destination_is_named(world, build):
    with Server(world, "aditd", build) as server:
        with Tunnel(world, "adit", server, build=build) as tunnel:
            tunnel.refused(tunnel.listen_refused.number)
            tunnel.client.process.wait_line("open failed: connect failed: Connection refused")
            cases.echo(tunnel)


def the_server_says_who_did_what(world, build):
    with Server(world, "aditd", build) as server:
        with Tunnel(world, "adit", server, build=build) as tunnel:
            server.process.wait_line(
                rf"Accepted publickey for {USER} from {HOST} port \d+ ssh2: ED25519 SHA256:\S{{43}}"
            )
            a, b = tunnel.pair()
            sent = Task(pour, a, 1, 100_000)
            check(follow(b, 1, 100_000) == (ALL, 100_000), "not all arrives")
            sent.result()
            b.close()
            ended(a)
            destination = tunnel.target.getsockname()[1]
            server.process.wait_line(rf"{HOST}.*{destination}.*100000")


def no_tunnel_of_a_killed_client_is_left(world, build):
    """After many clients that vanish the server holds no descriptor of theirs."""
    with Server(world, "aditd", build) as server:
        folder = f"/proc/{server.process.pid}/fd"
        with Tunnel(world, "adit", server, build=build) as tunnel:
            cases.echo(tunnel)
        before = settled(folder)
        for _ in range(5):
            with Tunnel(world, "adit", server, build=build) as tunnel:
                tunnel.pairs(8)
                tunnel.client.process.signal(signal.SIGKILL)
                tunnel.client.process.wait_exit()
        after = settled(folder)
        check(after <= before, f"{before} descriptors before, {after} after")


def settled(folder):
    """How many descriptors there are once the number stays the same."""
    last, same = len(os.listdir(folder)), 0
    deadline = time.monotonic() + 5
    while same < 10 and time.monotonic() < deadline:
        time.sleep(0.02)
        count = len(os.listdir(folder))
        same = same + 1 if count == last else 0
        last = count
    return last


def the_demo_ends_by_itself(world, build):
    demo = Process([build.adit, "--demo=once"], env=world.lab.env)
    try:
        check(demo.wait_exit(60) == 0, f"the demo failed\n{demo.report()}")
        for word in (r"SHA256:", r"listens on", r"(?i)bytes|MB|MiB"):
            demo.wait_line(word, 1)
    finally:
        demo.stop()


SSHD = [the_main_job, the_agent_signs]
SSH = [a_session_is_refused_in_words]
ADIT = [
    nothing_may_be_opened_unless_it_is_said,
    permit_open_allows_what_it_names,
    a_host_key_is_made_once,
    a_silent_server_is_noticed,
    a_killed_server_is_no_clean_end,
    a_killed_client_is_no_clean_end,
    signals_end_a_client_in_order,
    signals_end_a_server_in_order,
    a_port_in_use_is_named,
    a_too_open_key_is_named,
    a_refused_destination_is_named,
    the_server_says_who_did_what,
    the_demo_ends_by_itself,
]
# Whose descriptors nobody else may look at: the programs make themselves undebuggable.
ROOT = [no_tunnel_of_a_killed_client_is_left]


def all_cases(run, world, build):
    for needed, group in (("sshd", SSHD), ("ssh", SSH), (None, ADIT)):
        for case in group:
            name = case.__name__.replace("_", " ")
            if needed and not world.has(needed):
                print(f"skip: {name}: no {needed} here")
            else:
                run.case(f"programs: {name}", case, world, build)
    for case in ROOT:
        name = case.__name__.replace("_", " ")
        if os.getuid() == 0:
            run.case(f"programs: {name}", case, world, build)
        else:
            print(f"skip: {name}: root is needed")
