"""What cases do with sockets and threads: wait, end, reset, and say what is not as it must be."""

import errno
import socket
import struct
import threading

from lab import Failed

TIMEOUT = 60
MIB = 1024 * 1024


class Task(threading.Thread):
    """A function on a thread of its own; `result` waits for it and raises what it raised."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.call, self.value, self.error = (function, args), None, None
        self.start()

    def run(self):
        function, args = self.call
        try:
            self.value = function(*args)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            self.error = error

    def result(self, timeout=TIMEOUT):
        self.join(timeout)
        if self.is_alive():
            raise Failed(f"{self.call[0].__name__} is not done after {timeout} s")
        if self.error:
            raise Failed(f"{self.call[0].__name__}: {self.error!r}")
        return self.value


def check(condition, text):
    if not condition:
        raise Failed(text)


def reset(sock):
    """Ends a connection with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def ended(sock, timeout=10):
    """How the other side ended: 'FIN' or 'RST'; fails when it did neither."""
    sock.settimeout(timeout)
    try:
        while sock.recv(65536):
            pass
        return "FIN"
    except OSError as error:
        if error.errno in (errno.ECONNRESET, errno.EPIPE):
            return "RST"
        raise Failed(f"the connection did not end: {error!r}") from None
