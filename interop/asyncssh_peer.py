"""asyncssh as a server, as a client that forwards ports, and as a client that goes through a list of
connections. Runs under the Python that has it."""

import argparse
import asyncio
import sys

import asyncssh


class Server(asyncssh.SSHServer):
    """Lets whoever logs in open connections and listen, and nothing else."""

    password = None

    def password_auth_supported(self):
        return self.password is not None

    def kbdint_auth_supported(self):
        return False

    def validate_password(self, username, password):
        return password == self.password

    def connection_requested(self, dest_host, dest_port, orig_host, orig_port):
        return True

    def unix_connection_requested(self, dest_path):
        return True

    def server_requested(self, listen_host, listen_port):
        return True

    def unix_server_requested(self, listen_path):
        return True


def algorithms(options):
    chosen = {"rekey_bytes": options.rekey} if options.rekey else {}
    if options.kex:
        chosen["kex_algs"] = options.kex.split(",")
    if options.ciphers:
        chosen["encryption_algs"] = options.ciphers.split(",")
    return chosen


async def serve(options):
    Server.password = options.password
    server = await asyncssh.create_server(
        Server,
        "127.0.0.1",
        options.port,
        server_host_keys=options.host_key,
        authorized_client_keys=options.authorized_keys,
        **algorithms(options),
    )
    print("listening on", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


async def connect(options):
    async with asyncssh.connect(
        "127.0.0.1",
        options.port,
        config=None,
        username=options.user,
        client_keys=[options.key],
        agent_path=None,
        known_hosts=options.known_hosts,
        **algorithms(options),
    ) as connection:
        for forward in options.forward:
            listen, destination = map(int, forward.split(":"))
            await connection.forward_local_port("127.0.0.1", listen, "127.0.0.1", destination)
        listeners = [await begin(connection, "local", spec) for spec in options.local]
        listeners += [await begin(connection, "remote", spec) for spec in options.remote]
        if options.socks:
            await connection.forward_socks("127.0.0.1", options.socks)
        info = connection.get_extra_info
        print("negotiated", info("send_cipher"), info("server_version"), flush=True)
        # A line on standard input: what listens ends, and the connection stays.
        if await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
            for listener in listeners:
                listener.close()
                await listener.wait_closed()
            print("cancelled", flush=True)
        await connection.wait_closed()


async def begin(connection, way, spec):
    """A forward, said as LISTEN=TO; each of them is a port or a path."""
    ends = spec.split("=")
    kinds = ["port" if end.isdigit() else "path" for end in ends]
    names = [["127.0.0.1", int(end)] if end.isdigit() else [end] for end in ends]
    method = "_to_".join(dict.fromkeys(kinds))
    listener = await getattr(connection, f"forward_{way}_{method}")(*names[0], *names[1])
    if ends[0] == "0":
        print("allocated", listener.get_port(), flush=True)
    return listener


async def job(user, port, key, host_key, destination):
    """One connection, one channel, one echo."""
    async with asyncssh.connect(
        "127.0.0.1",
        port,
        config=None,
        username=user,
        client_keys=[key],
        agent_path=None,
        known_hosts=None,
    ) as connection:
        found = connection.get_server_host_key().export_public_key().decode().split()[1]
        if found != host_key:
            return "another host key"
        reader, writer = await connection.open_connection("127.0.0.1", destination)
        text = bytes(range(256)) * 40
        writer.write(text)
        writer.write_eof()
        back = await reader.read()
        return "ok" if back == text else f"{len(back)} bytes came back"


async def jobs(options):
    # A line each: port, user key, the host key that is expected, destination.
    for line in sys.stdin:
        port, key, host_key, destination = line.split()
        try:
            result = await asyncio.wait_for(job(options.user, int(port), key, host_key, int(destination)), 20)
        except Exception as error:
            result = repr(error).replace("\n", " ")
        print(result, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["server", "client", "jobs"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--kex")
    parser.add_argument("--ciphers")
    parser.add_argument("--rekey", type=int)
    parser.add_argument("--host-key", action="append", default=[])
    parser.add_argument("--authorized-keys")
    parser.add_argument("--password")
    parser.add_argument("--user")
    parser.add_argument("--key")
    parser.add_argument("--known-hosts")
    parser.add_argument("--forward", action="append", default=[])
    parser.add_argument("--local", action="append", default=[], help="LISTEN=TO, ports or paths")
    parser.add_argument("--remote", action="append", default=[])
    parser.add_argument("--socks", type=int)
    options = parser.parse_args()
    try:
        asyncio.run({"server": serve, "client": connect, "jobs": jobs}[options.role](options))
    except asyncssh.PermissionDenied as error:
        print("Permission denied (publickey):", error.reason, flush=True)
        sys.exit(255)
    except asyncssh.HostKeyNotVerifiable as error:
        print("Host key verification failed.", error.reason, flush=True)
        sys.exit(255)
    except (OSError, asyncssh.Error) as error:
        print("failed:", repr(error), flush=True)
        sys.exit(255)


main()
