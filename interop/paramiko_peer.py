"""paramiko as a server, and as a client that goes through a list of connections. Runs under the
Python that has it."""

import argparse
import socket
import sys
import threading

import paramiko

KEYS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


def load(path):
    for kind in KEYS:
        try:
            return kind.from_private_key_file(path)
        except paramiko.SSHException:
            continue
    raise SystemExit(f"no key in {path}")


class Server(paramiko.ServerInterface):
    """Lets in who has one of the keys, and opens what they ask for."""

    def __init__(self, authorized, methods, password):
        self.authorized = authorized
        self.left = list(methods)
        self.password = password
        self.waiting = {}

    def get_allowed_auths(self, username):
        return self.left[0]

    def _verdict(self, method, good):
        if not good or method != self.left[0]:
            print("refused", method, flush=True)
            return paramiko.AUTH_FAILED
        print("accepted", method, flush=True)
        if len(self.left) == 1:
            return paramiko.AUTH_SUCCESSFUL
        self.left.pop(0)
        return paramiko.AUTH_PARTIALLY_SUCCESSFUL

    def check_auth_publickey(self, username, key):
        return self._verdict("publickey", key.get_base64() in self.authorized)

    def check_auth_password(self, username, password):
        return self._verdict("password", password == self.password)

    def check_auth_interactive(self, username, submethods):
        query = paramiko.InteractiveQuery("Two questions", "One is echoed.")
        query.add_prompt("Name of the day: ", True)
        query.add_prompt("Word of the day: ", False)
        return query

    def check_auth_interactive_response(self, responses):
        return self._verdict("keyboard-interactive", list(responses) == ["Sunday", self.password])

    def check_channel_direct_tcpip_request(self, chanid, origin, destination):
        try:
            self.waiting[chanid] = socket.create_connection(destination, 10)
        except OSError:
            return paramiko.OPEN_FAILED_CONNECT_FAILED
        return paramiko.OPEN_SUCCEEDED


def copy(source, sink, end):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    try:
        end()
    except (OSError, EOFError):
        pass


def carry(transport, server):
    while channel := transport.accept(60):
        sock = server.waiting.pop(channel.chanid)
        shut = lambda sock=sock: sock.shutdown(socket.SHUT_WR)
        threading.Thread(target=copy, args=(channel, sock, shut), daemon=True).start()
        threading.Thread(target=copy, args=(sock, channel, channel.shutdown_write), daemon=True).start()


def serve(options):
    host_keys = [load(path) for path in options.host_key]
    authorized = {line.split()[1] for line in open(options.authorized_keys) if line.strip()}
    listener = socket.create_server(("127.0.0.1", options.port), reuse_port=False)
    print("listening on", listener.getsockname()[1], flush=True)

    def session(sock):
        transport = paramiko.Transport(sock)
        for key in host_keys:
            transport.add_server_key(key)
        server = Server(authorized, options.methods.split(","), options.password)
        try:
            transport.start_server(server=server)
            carry(transport, server)
        except (paramiko.SSHException, EOFError, OSError) as error:
            print("session:", repr(error), flush=True)
        finally:
            transport.close()

    while True:
        sock, _ = listener.accept()
        threading.Thread(target=session, args=(sock,), daemon=True).start()


def job(user, port, key, host_key, destination):
    """One connection, one channel, one echo."""
    sock = socket.create_connection(("127.0.0.1", port), 10)
    transport = paramiko.Transport(sock)
    try:
        transport.start_client(timeout=10)
        found = transport.get_remote_server_key().get_base64()
        if found != host_key:
            return "another host key"
        transport.auth_publickey(user, load(key))
        channel = transport.open_channel("direct-tcpip", ("127.0.0.1", destination), ("127.0.0.1", 1), timeout=10)
        text = bytes(range(256)) * 40
        channel.sendall(text)
        channel.shutdown_write()
        back = b""
        while piece := channel.recv(65536):
            back += piece
        return "ok" if back == text else f"{len(back)} bytes came back"
    finally:
        transport.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["server", "jobs"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host-key", action="append", default=[])
    parser.add_argument("--authorized-keys")
    parser.add_argument("--methods", default="publickey", help="one after another")
    parser.add_argument("--password", default="")
    parser.add_argument("--user")
    options = parser.parse_args()
    if options.role == "server":
        serve(options)
    # A line each: port, user key, the host key that is expected, destination.
    for line in sys.stdin:
        port, key, host_key, destination = line.split()
        try:
            result = job(options.user, int(port), key, host_key, int(destination))
        except Exception as error:
            result = repr(error).replace("\n", " ")
        print(result, flush=True)


main()
