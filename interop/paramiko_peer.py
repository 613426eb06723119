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
        self.listeners = None

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

    def check_port_forward_request(self, address, port):
        return self.listeners.begin(address, port)

    def cancel_port_forward_request(self, address, port):
        self.listeners.end(port)


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
    while transport.is_active():
        channel = transport.accept(1)
        if channel is None:
            continue
        both(channel, server.waiting.pop(channel.chanid))


class Listeners:
    """What clients of one connection asked us to listen on."""

    def __init__(self, transport):
        self.transport, self.sockets = transport, {}

    def begin(self, address, port):
        try:
            listener = socket.create_server((address, port))
        except OSError:
            return False
        port = listener.getsockname()[1]
        self.sockets[port] = listener
        threading.Thread(target=self.accept, args=(listener, address, port), daemon=True).start()
        return port

    def accept(self, listener, address, port):
        try:
            while True:
                sock, origin = listener.accept()
                self.carry(sock, origin, (address, port))
        except OSError:
            listener.close()

    def carry(self, sock, origin, at):
        try:
            both(self.transport.open_forwarded_tcpip_channel(origin, at), sock)
        except paramiko.SSHException:
            sock.close()

    def end(self, port):
        listener = self.sockets.pop(port, None)
        if listener:
            # accept(2) in another thread: close(2) alone would not wake it.
            listener.shutdown(socket.SHUT_RDWR)

    def close(self):
        for port in list(self.sockets):
            self.end(port)


def both(channel, sock):
    shut = lambda: sock.shutdown(socket.SHUT_WR)
    ways = [(channel, sock, shut), (sock, channel, channel.shutdown_write)]
    copies = [threading.Thread(target=copy, args=way, daemon=True) for way in ways]
    for each in copies:
        each.start()
    threading.Thread(target=close_behind, args=(copies, channel, sock), daemon=True).start()


def close_behind(copies, *ends):
    for each in copies:
        each.join()
    for end in ends:
        end.close()


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
        server.listeners = Listeners(transport)
        try:
            transport.start_server(server=server)
            carry(transport, server)
        except (paramiko.SSHException, EOFError, OSError) as error:
            print("session:", repr(error), flush=True)
        finally:
            server.listeners.close()
            transport.close()

    while True:
        sock, _ = listener.accept()
        threading.Thread(target=session, args=(sock,), daemon=True).start()


def connect(options):
    """Forwards ports, as LISTEN=TO, until a line on standard input; then cancels what was asked for."""
    transport = paramiko.Transport(socket.create_connection(("127.0.0.1", options.port), 10))
    transport.start_client(timeout=10)
    known = {line.split()[2] for line in open(options.known_hosts)}
    if transport.get_remote_server_key().get_base64() not in known:
        raise SystemExit("another host key")
    transport.auth_publickey(options.user, load(options.key))
    for spec in options.local:
        listen, to = map(int, spec.split("="))
        threading.Thread(target=forward, args=(transport, listen, to), daemon=True).start()
    targets = {}
    for spec in options.remote:
        listen, to = map(int, spec.split("="))

        def opened(channel, _origin, at):
            try:
                both(channel, socket.create_connection(("127.0.0.1", targets[at[1]]), 10))
            except OSError:
                channel.close()

        port = transport.request_port_forward("127.0.0.1", listen, opened)
        targets[port] = to
        if not listen:
            print("allocated", port, flush=True)
    print("negotiated", transport.remote_cipher, transport.remote_version, flush=True)
    if sys.stdin.readline():
        for port in targets:
            transport.cancel_port_forward("127.0.0.1", port)
        print("cancelled", flush=True)
    transport.join()


def forward(transport, listen, to):
    listener = socket.create_server(("127.0.0.1", listen))
    while True:
        sock, origin = listener.accept()
        try:
            channel = transport.open_channel("direct-tcpip", ("127.0.0.1", to), origin)
        except paramiko.SSHException:
            sock.close()
            continue
        both(channel, sock)


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
    parser.add_argument("role", choices=["server", "client", "jobs"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host-key", action="append", default=[])
    parser.add_argument("--authorized-keys")
    parser.add_argument("--methods", default="publickey", help="one after another")
    parser.add_argument("--password", default="")
    parser.add_argument("--user")
    parser.add_argument("--key")
    parser.add_argument("--known-hosts")
    parser.add_argument("--local", action="append", default=[], help="LISTEN=TO, two ports")
    parser.add_argument("--remote", action="append", default=[])
    options = parser.parse_args()
    if options.role == "server":
        serve(options)
    if options.role == "client":
        return connect(options)
    # A line each: port, user key, the host key that is expected, destination.
    for line in sys.stdin:
        port, key, host_key, destination = line.split()
        try:
            result = job(options.user, int(port), key, host_key, int(destination))
        except Exception as error:
            result = repr(error).replace("\n", " ")
        print(result, flush=True)


main()
