"""Somebody with keys, passphrases and an agent, who starts adit."""

import os
import shutil
import subprocess

from keys import KEYS, Echo, Keys, through
from lab import HOST, USER, Port, Process
from traffic import check


class Person:
    """What a case needs: keys, somewhere to go, and a way to call adit."""

    def __init__(self, world, build):
        self.world, self.build, self.lab = world, build, world.lab
        self.keys, self.echo = Keys(world.lab), Echo()

    def known(self, server):
        lines = [f"[{HOST}]:{server.port} {self.keys.public('host', name)}\n" for name in KEYS]
        return self.lab.file("".join(lines), "known_hosts")

    def argv(self, server, listen, *more):
        argv = [self.build.adit, "-F", "none", "-o", f"UserKnownHostsFile={self.known(server)}"]
        argv += ["-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes"]
        argv += ["-L", f"{HOST}:{listen.number}:{HOST}:{self.echo.port}", "-p", server.port]
        return [*argv, *more, f"{USER}@{HOST}"]

    def works(self, server, *more, env=None, line=None):
        """adit logs in, and bytes go through."""
        listen = Port()
        adit = Process(self.argv(server, listen, *more), env={**self.lab.env, **(env or {})})
        try:
            adit.wait_listening(listen.number)
            through(listen.number)
            if line:
                adit.wait_line(line, 1)
        finally:
            adit.stop()
            listen.close()

    def refused(self, server, line, *more, env=None):
        """adit ends with 255 and says why."""
        listen = Port()
        adit = Process(self.argv(server, listen, *more), env={**self.lab.env, **(env or {})})
        try:
            code = adit.wait_exit()
            check(code == 255, f"ends with {code}\n{adit.report()}")
            adit.wait_line(line, 1)
        finally:
            adit.stop()
            listen.close()

    def askpass(self, *answers):
        """A program for SSH_ASKPASS that gives these answers in turn, and where it notes the questions."""
        asked = self.lab.file("", "asked")
        # One answer a line; the number of the question is the number of lines in `asked`.
        given = self.lab.file("".join(a + "\n" for a in answers), "answers")
        text = f'#!/bin/sh\nprintf "%s\\n" "$1" | head -n 1 >>"{asked}"\n'
        text += f'sed -n "$(wc -l <"{asked}")p" "{given}"\n'
        script = self.lab.file(text, "askpass")
        os.chmod(script, 0o700)
        return {"SSH_ASKPASS": script, "SSH_ASKPASS_REQUIRE": "force"}, asked


def copy_of(person, name, *change):
    """A copy of a user key, in another format."""
    person.lab.count += 1
    path = person.lab.path(f"copy.{person.lab.count}")
    shutil.copy(person.keys.path("user", name), path)
    if change:
        argv = ["ssh-keygen", "-q", "-p", "-P", "", *change, "-f", path]
        subprocess.run(argv, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return path


class Agent:
    """ssh-agent with some keys."""

    def __init__(self, person, *names, strangers=0):
        self.sock = person.lab.path(f"agent.{person.lab.count}")
        person.lab.count += 1
        self.process = Process([person.world.ssh_agent, "-D", "-a", self.sock], env=person.lab.env)
        self.process.wait_line("SSH_AUTH_SOCK")
        self.env = {**person.lab.env, "SSH_AUTH_SOCK": self.sock}
        for n in range(strangers):
            path = person.lab.path(f"stranger.{person.lab.count}.{n}")
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path]
            subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
            self.add(path)
        for name in names:
            self.add(person.keys.path("user", name))

    def add(self, *argv):
        done = subprocess.run(["ssh-add", "-q", *argv], env=self.env, capture_output=True, check=False)
        check(done.returncode == 0, f"ssh-add {argv}: {done.stderr}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()
