"""The keys, passwords and files that people have: each with the two commands of the README."""

import os
import shlex
import shutil
import stat
import subprocess
import time

from keys import KEYS, through
from lab import HOST, USER, Port, Process, Terminal
from matrix import PeerServer
from person import Agent, Person, copy_of
from traffic import check

PASSPHRASE = "correct horse"
PASSWORD = "battery staple"


def every_format_of_a_key_file(person, server):
    for name in KEYS:
        person.works(server, "-o", "BatchMode=yes", "-i", copy_of(person, name))
        for form in ("PEM", "PKCS8"):
            # ssh-keygen keeps Ed25519 in its own format whatever is asked for.
            path = copy_of(person, name, "-N", "", "-m", form)
            check(name == "ed25519" or b"OPENSSH" not in open(path, "rb").read(), f"{path} is no {form}")
            person.works(server, "-o", "BatchMode=yes", "-i", path)


def a_passphrase_is_asked_for(person, server):
    for name in KEYS:
        path = copy_of(person, name, "-N", PASSPHRASE)
        env, asked = person.askpass("wrong", PASSPHRASE)
        person.works(server, "-i", path, env=env)
        questions = open(asked).read().splitlines()
        check(questions == [f"Enter passphrase for key '{path}': "] * 2, f"asked {questions}")


def a_passphrase_on_a_terminal_is_not_shown(person, server):
    path = copy_of(person, "ed25519", "-N", PASSPHRASE)
    listen = Port()
    with Terminal(person.argv(server, listen, "-i", path), person.lab.env) as adit:
        adit.expect(f"Enter passphrase for key '{path}': ")
        adit.type(PASSPHRASE + "\n")
        adit.expect("listening on")
        through(listen.number)
        check(PASSPHRASE.encode() not in adit.seen, f"it is shown\n{adit.report()}")
        adit.type("\x03")
        check(adit.wait_exit() == 255, "Ctrl-C ends it with 255")
    listen.close()


def an_encrypted_pem_is_refused_with_the_remedy(person, server):
    for form in ("PEM", "PKCS8"):
        path = copy_of(person, "rsa", "-N", PASSPHRASE, "-m", form)
        person.refused(server, r"ssh-keygen -p", "-o", "BatchMode=yes", "-i", path)


def nobody_is_asked_in_batch_mode(person, server):
    path = copy_of(person, "ed25519", "-N", PASSPHRASE)
    env, asked = person.askpass(PASSPHRASE)
    person.refused(server, "passphrase", "-o", "BatchMode=yes", "-i", path, env=env)
    check(open(asked).read() == "", "somebody was asked")


def default_identities_are_found(person, server):
    home = person.lab.path("home")
    os.makedirs(os.path.join(home, ".ssh"), mode=0o700, exist_ok=True)
    for name, file in (("rsa", "id_rsa"), ("ecdsa256", "id_ecdsa"), ("ed25519", "id_ed25519")):
        path = os.path.join(home, ".ssh", file)
        shutil.copy(person.keys.path("user", name), path)
        try:
            person.works(server, "-o", "BatchMode=yes")
        finally:
            os.unlink(path)


def the_agent_signs_with_every_type(person, server):
    for name in KEYS:
        with Agent(person, name) as agent:
            person.works(server, "-o", "BatchMode=yes", env=agent.env)


def a_public_key_chooses_one_of_the_agent(person, server):
    for name in KEYS:
        # Without it the server would be asked about too many others first.
        with Agent(person, *KEYS, strangers=7) as agent:
            public = person.keys.path("user", name) + ".pub"
            more = ("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", public)
            person.works(server, *more, env=agent.env)
            plain = {k: v for k, v in agent.env.items() if k != "SSH_AUTH_SOCK"}
            person.works(server, *more, "-o", f"IdentityAgent={agent.sock}", env=plain)


def too_many_keys_are_explained(person, server):
    with Agent(person, "ed25519", strangers=7) as agent:
        person.refused(server, r"Too many authentication failures", "-o", "BatchMode=yes", env=agent.env)
        person.refused(server, r"IdentitiesOnly", "-o", "BatchMode=yes", env=agent.env)


def a_key_of_the_agent_that_is_for_this_host_alone(person, server):
    """ssh-add -h: the agent signs only when it was told of the session (session-bind@openssh.com)."""
    known = person.known(server)
    for here in (True, False):
        to = f"[{HOST}]:{server.port}" if here else "[elsewhere.invalid]:22"
        if not here:
            known = person.lab.file(f"{to} {person.keys.public('host', 'ecdsa384')}\n", "known_hosts")
        with Agent(person) as agent:
            key = person.keys.path("user", "ed25519")
            agent.add("-H", known, "-h", to, key)
            more = ("-o", "BatchMode=yes")
            if here:
                person.works(server, *more, env=agent.env)
            else:
                # The server shows another of its keys: Ed25519 goes first.
                person.refused(server, "Permission denied", *more, env=agent.env)


def a_config_file_says_all_of_it(person, server):
    home = person.lab.path("home")
    folder = os.path.join(home, ".ssh")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    listen = Port()
    text = [
        "Host elsewhere",
        "    User nobody",
        "Host near*",
        f"    HostName {HOST}",
        f"    User {USER}",
        "Host *",
        f"    Port {server.port}",
        "    User somebody-else",
        f"    IdentityFile {person.keys.path('user', 'ecdsa256')}",
        f"    UserKnownHostsFile {person.known(server)}",
        "    StrictHostKeyChecking yes",
        f"    LocalForward {HOST}:{listen.number} {HOST}:{person.echo.port}",
    ]
    path = os.path.join(folder, "config")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write("\n".join(text) + "\n")
    adit = Process([person.build.adit, "nearby"], env=person.lab.env)
    try:
        adit.wait_listening(listen.number)
        through(listen.number)
    finally:
        adit.stop()
        listen.close()
        os.unlink(path)


def to_the_background(person, server):
    listen, pid_of = Port(), None
    argv = person.argv(server, listen, "-f", "-i", person.keys.path("user", "ed25519"))
    try:
        done = subprocess.run(
            [str(a) for a in argv], env=person.lab.env, capture_output=True, timeout=20, check=False
        )
        check(done.returncode == 0, f"ends with {done.returncode}: {done.stderr}")
        # No waiting: the forwards stand when the first process is gone.
        through(listen.number)
        (pid_of,) = processes_that_listen_at(listen, person.build.adit)
        check(len(os.listdir(f"/proc/{pid_of}/task")) == 1, "threads are left")
        check(os.getsid(pid_of) == pid_of, "it has no session of its own")
    finally:
        if pid_of:
            os.kill(pid_of, 15)
            deadline = time.monotonic() + 5
            while os.path.exists(f"/proc/{pid_of}") and time.monotonic() < deadline:
                time.sleep(0.01)
        listen.close()
    with_nobody = Port()
    argv = person.argv(server, with_nobody, "-f", "-o", "BatchMode=yes", "-i", person.lab.path("stranger"))
    done = subprocess.run([str(a) for a in argv], env=person.lab.env, capture_output=True, timeout=20, check=False)
    with_nobody.close()
    check(done.returncode == 255, f"ends with {done.returncode} although nobody is logged in")


def processes_that_listen_at(port, program):
    """Of this program; other cases run it at the same time, and with other ports."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                argv = open(f"/proc/{name}/cmdline", "rb").read().decode("utf-8", "replace").split("\0")
                state = open(f"/proc/{name}/stat").read().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            ours = any(f":{port.number}:" in argument for argument in argv)
            if argv[0] == program and ours and state != "Z":
                found.append(int(name))
    return found


def two_keys_are_asked_for(person):
    with PeerServer(person.world, person.keys, "sshd", ["AuthenticationMethods publickey,publickey"]) as server:
        both = ("-i", person.keys.path("user", "ed25519"), "-i", person.keys.path("user", "rsa"))
        person.works(server, "-o", "BatchMode=yes", *both)
        person.refused(server, "Permission denied", "-o", "BatchMode=yes", *both[:2])


def a_made_key_logs_in(person):
    path = person.lab.path("made_user_key")
    keygen = os.path.join(os.path.dirname(person.build.adit), "adit-keygen")
    done = subprocess.run(
        [keygen, "-t", "ed25519", "-f", path, "-C", "made here", "-N", PASSPHRASE],
        env=person.lab.env, capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL,
    )
    check(done.returncode == 0, f"{done}")
    check(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "others may read it")
    shown = subprocess.run(["ssh-keygen", "-yf", path, "-P", PASSPHRASE], capture_output=True, text=True, check=True)
    public = open(path + ".pub").read()
    check(shown.stdout.split()[:2] == public.split()[:2], "ssh-keygen reads another key")
    authorized = person.keys.authorized
    try:
        person.keys.authorized = person.lab.file(public, "authorized_made")
        with PeerServer(person.world, person.keys, "sshd") as server:
            env, _ = person.askpass(PASSPHRASE)
            person.works(server, "-i", path, env=env)
    finally:
        person.keys.authorized = authorized
    again = subprocess.run(
        [keygen, "-f", path, "-N", ""],
        env=person.lab.env, capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL,
    )
    check(again.returncode != 0 and open(path + ".pub").read() == public, "it was overwritten unasked")


def a_password_is_typed(person):
    for kind in ("asyncssh", "paramiko"):
        options = ["--password", PASSWORD] + (["--methods", "password"] if kind == "paramiko" else [])
        with PeerServer(person.world, person.keys, kind, options) as server:
            listen = Port()
            with Terminal(person.argv(server, listen), person.lab.env) as adit:
                adit.expect(f"{USER}@{HOST}'s password: ")
                adit.type("wrong\n")
                adit.expect("Permission denied, please try again.")
                adit.expect(f"{USER}@{HOST}'s password: ")
                adit.type(PASSWORD + "\n")
                adit.expect("listening on")
                through(listen.number)
                check(PASSWORD.encode() not in adit.seen, f"it is shown\n{adit.report()}")
            env, _ = person.askpass("wrong", PASSWORD)
            person.works(server, env=env)
            env, asked = person.askpass(*["wrong"] * 9)
            more = ("-o", "NumberOfPasswordPrompts=2")
            person.refused(server, "Permission denied", *more, env=env)
            check(len(open(asked).read().splitlines()) == 2, "asked more than twice")
            person.refused(server, "Permission denied", "-o", "BatchMode=yes")
            listen.close()


def a_job_in_the_background_is_stopped_until_it_may_ask(person):
    """As ssh: the shell says so, and `fg` shows the question."""
    with PeerServer(person.world, person.keys, "asyncssh", ["--password", PASSWORD]) as server:
        listen = Port()
        command = shlex.join(str(word) for word in person.argv(server, listen))
        with Terminal(["/bin/bash", "--norc", "-i"], {**person.lab.env, "PS1": "ready> "}) as shell:
            shell.expect("ready> ")
            shell.type(command + " &\n")
            deadline = time.monotonic() + 10
            while not shell.sees("Stopped"):
                check(time.monotonic() < deadline, f"it is not stopped\n{shell.report()}")
                shell.type("jobs\n")
                time.sleep(0.2)
            shell.type("fg\n")
            shell.expect(f"{USER}@{HOST}'s password: ")
            shell.type(PASSWORD + "\n")
            shell.expect("listening on")
            through(listen.number)
            check(PASSWORD.encode() not in shell.seen, f"it is shown\n{shell.report()}")
            shell.type("\x03")
        listen.close()


def questions_are_answered(person):
    options = ["--methods", "keyboard-interactive", "--password", PASSWORD]
    with PeerServer(person.world, person.keys, "paramiko", options) as server:
        listen = Port()
        with Terminal(person.argv(server, listen), person.lab.env) as adit:
            adit.expect("Two questions")
            adit.expect("One is echoed.")
            adit.expect("Name of the day: ")
            adit.type("Sunday\n")
            adit.expect("Sunday")
            adit.expect("Word of the day: ")
            adit.type(PASSWORD + "\n")
            adit.expect("listening on")
            through(listen.number)
            check(PASSWORD.encode() not in adit.seen, f"it is shown\n{adit.report()}")
        listen.close()


def a_key_and_then_a_password(person):
    for second in ("password", "keyboard-interactive"):
        options = ["--methods", f"publickey,{second}", "--password", PASSWORD]
        with PeerServer(person.world, person.keys, "paramiko", options) as server:
            answers = (PASSWORD,) if second == "password" else ("Sunday", PASSWORD)
            env, _ = person.askpass(*answers)
            person.works(server, "-i", person.keys.path("user", "ecdsa384"), env=env)


WITH_SSHD = [
    every_format_of_a_key_file,
    a_passphrase_is_asked_for,
    a_passphrase_on_a_terminal_is_not_shown,
    an_encrypted_pem_is_refused_with_the_remedy,
    nobody_is_asked_in_batch_mode,
    default_identities_are_found,
    the_agent_signs_with_every_type,
    a_public_key_chooses_one_of_the_agent,
    a_key_of_the_agent_that_is_for_this_host_alone,
    too_many_keys_are_explained,
    a_config_file_says_all_of_it,
    to_the_background,
]
ALONE = [
    ("sshd", two_keys_are_asked_for),
    ("sshd", a_made_key_logs_in),
    ("asyncssh", a_password_is_typed),
    ("asyncssh", a_job_in_the_background_is_stopped_until_it_may_ask),
    ("paramiko", questions_are_answered),
    ("paramiko", a_key_and_then_a_password),
]


def all_cases(run, world, build):
    if not run.wants("people") and not run.only.startswith("people"):
        return
    person = Person(world, build)
    if world.has("sshd"):
        with PeerServer(world, person.keys, "sshd", ["MaxAuthTries 6"]) as server:
            for case in WITH_SSHD:
                run.case(f"people: {case.__name__.replace('_', ' ')}", case, person, server)
    for kind, case in ALONE:
        name = f"people: {case.__name__.replace('_', ' ')}"
        if world.has(kind):
            run.case(name, case, person)
        else:
            print(f"skip: {name}: no {kind} here", flush=True)
