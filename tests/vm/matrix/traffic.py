"""Connections from a to b whose numbers are known."""
import contextlib
import socket
import threading
import time

BULK = b"b" * 65536


class Failures(list):
    """Runs functions in threads; the first failure is raised when all have ended."""

    def run(self, functions, seconds=120):
        threads = [threading.Thread(target=self._one, args=(function,), daemon=True) for function in functions]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0, end - time.monotonic()))
        if self:
            raise self[0]
        if any(thread.is_alive() for thread in threads):
            raise AssertionError(f"not done within {seconds} s")

    def _one(self, function):
        try:
            function()
        except Exception as error:  # pylint: disable=broad-except
            self.append(error)


def in_parallel(functions, seconds=120):
    Failures().run(functions, seconds)


def receive(connection, size):
    left = size
    while left > 0:
        data = connection.recv(min(left, 65536))
        if not data:
            raise ConnectionError(f"closed with {left} of {size} bytes to come")
        left -= len(data)


def receive_to_end(connection):
    while connection.recv(65536):
        pass


def serve_each(listener, count, answer, seconds=120):
    """A function that accepts so many connections, each answered by a thread of its own."""
    def accept(number, accepted):
        with accepted[number]:
            answer(accepted[number])

    def serve():
        accepted = [listener.accept()[0] for _ in range(count)]
        for connection in accepted:
            connection.settimeout(seconds)
        in_parallel([lambda number=number: accept(number, accepted) for number in range(count)], seconds)
    listener.settimeout(seconds)
    return serve


def exchanges(a, b, connections, messages, message_bytes, reply_bytes, send_bytes=None, seconds=120):
    """Each connection sends so many messages, each answered before the next; b closes first. `send_bytes` is the send
    buffer of a. Returns the port."""
    with b.listen() as listener:
        def answer(connection):
            for _ in range(messages):
                receive(connection, message_bytes)
                connection.sendall(b"r" * reply_bytes)
                # The next message is acknowledged when it arrives, not with the reply.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            connection.shutdown(socket.SHUT_WR)
            receive_to_end(connection)

        def talk(client):
            with client:
                for _ in range(messages):
                    client.sendall(b"m" * message_bytes)
                    receive(client, reply_bytes)
                receive_to_end(client)
        clients = []
        for _ in range(connections):  # one after the other, so that none waits for another
            clients.append(a.open_socket())
            clients[-1].settimeout(seconds)
            if send_bytes:
                clients[-1].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
            clients[-1].connect(listener.getsockname())
        in_parallel([serve_each(listener, connections, answer, seconds),
                     *(lambda client=client: talk(client) for client in clients)], seconds)
        return str(listener.getsockname()[1])


def bulk(a, b, connections, size, send_bytes=None):
    """Each connection sends so many bytes from a to b, which closes first when it has them. Returns the port."""
    return exchanges(a, b, connections, 1, size, 1, send_bytes)
