"""A process of its own that owns connections: `worker.py NAME`. It is told what to do line by line on stdin, and
answers "ok ...".
"""
import ctypes
import os
import socket
import sys
import threading

_libc = ctypes.CDLL(None, use_errno=True)
PR_SET_NAME = 15


def set_name(name):
    """Of the calling thread; of the process when it is the first."""
    _libc.prctl(PR_SET_NAME, name.encode(), 0, 0, 0)


def in_thread(name, function):
    """Runs it in another thread that has a name of its own, as thread pools do."""
    failures = []

    def run():
        set_name(name)
        try:
            function()
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def receive(connection, count):
    left = count
    while left > 0:
        data = connection.recv(min(left, 65536))
        if not data:
            raise EOFError(f"{left} of {count} bytes missing")
        left -= len(data)


class Worker:
    def __init__(self):
        self.listener = None
        self.connections = []

    def listen(self, address):
        self.listener = socket.create_server((address, 0))
        return self.listener.getsockname()[1]

    def accept(self, count):
        for _ in range(int(count)):
            self.connections.append(self.listener.accept()[0])

    def connect(self, address, port, count):
        def connect_all():
            for _ in range(int(count)):
                self.connections.append(socket.create_connection((address, int(port)), timeout=20))
        in_thread("pool-thread-1", connect_all)

    def send(self, count):
        in_thread("pool-thread-2", lambda: [c.sendall(b"x" * int(count)) for c in self.connections])

    def receive(self, count):
        in_thread("pool-thread-3", lambda: [receive(c, int(count)) for c in self.connections])

    def fork(self, name):
        """The rest is done by a child of another name, which shares all sockets."""
        if os.fork() != 0:
            os.wait()
            os._exit(0)
        set_name(name)
        return os.getpid()

    def close(self):
        for connection in self.connections:
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
            connection.close()
        self.connections = []


def main():
    set_name(sys.argv[1])
    worker = Worker()
    for line in sys.stdin:
        command, *arguments = line.split()
        result = getattr(worker, command)(*arguments)
        print("ok", result if result is not None else "", flush=True)


if __name__ == "__main__":
    main()
