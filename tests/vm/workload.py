#!/usr/bin/env python3
"""Traffic with known numbers, and what it really did: every byte and connection is counted here, by the application.

`workload.py server` and `workload.py client` run in two network namespaces. The server says "ready". The client opens
the connection of the flow `old` and says "ready"; at a line on standard input it makes all other traffic and says what
it did, as one line of JSON; at the next line it ends. The connection of the flow `open` is there until then.
"""
import ctypes
import dataclasses
import json
import os
import select
import socket
import struct
import sys
import threading
import time

SERVER_V4 = ("198.18.0.2", "198.18.0.3", "198.18.0.4")
SERVER_V6 = ("fd78::2", "fd78::3")
CLIENT_V4, CLIENT_V6 = "198.18.0.1", "fd78::1"
PR_SET_NAME = 15


@dataclasses.dataclass(frozen=True)
class Flow:
    """Connections to one port. Each sends `messages` times `request_bytes`, each answered by `reply_bytes`."""
    name: str
    port: int
    remote: str
    connections: int
    request_bytes: int
    reply_bytes: int
    messages: int = 1
    server_closes_first: bool = False
    about: str = ""


FLOWS = (
    Flow("short", 5001, SERVER_V4[0], 97, 1009, 2003, about="the client closes first"),
    Flow("eagain", 5002, SERVER_V4[1], 1, 4_000_037, 11, about="non-blocking writes of 1 MB, so most are partial"),
    Flow("ipv6", 5003, SERVER_V6[0], 31, 5003, 1, server_closes_first=True, about="the server closes first"),
    Flow("mapped", 5004, "::ffff:" + SERVER_V4[2], 13, 3001, 7, about="IPv4 through an IPv6 socket"),
    Flow("renamed", 5005, SERVER_V4[2], 1, 10_007, 5, messages=7, about="the thread takes another name per message"),
    Flow("far_ipv6", 5006, SERVER_V6[1], 3, 2_000_003, 1, about="bulk to the far IPv6 address"),
    Flow("old", 5007, SERVER_V4[0], 1, 50_021, 3, messages=2, about="open, and used once, before any tool started"),
    Flow("open", 5008, SERVER_V4[0], 1, 20_011, 3, about="still open at the end"),
)


def rename_thread(name):
    ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode(), 0, 0, 0)


def receive_exactly(connection, size):
    left = size
    while left > 0:
        data = connection.recv(min(left, 1 << 16))
        if not data:
            raise ConnectionError(f"closed with {left} of {size} bytes to come")
        left -= len(data)


# ---- server ----------------------------------------------------------------------------------------------------------

def answer(connection, flow):
    with connection:
        for _ in range(flow.messages):
            receive_exactly(connection, flow.request_bytes)
            connection.sendall(b"r" * flow.reply_bytes)
        if not flow.server_closes_first:
            connection.recv(1)  # the client's end


def accept(listener, flow):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection, flow), daemon=True).start()


def serve():
    rename_thread("pserver")
    for flow in FLOWS:
        listener = socket.create_server(("::", flow.port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
        threading.Thread(target=accept, args=(listener, flow), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


# ---- client ----------------------------------------------------------------------------------------------------------

@dataclasses.dataclass
class Did:
    """What the client's side of a flow did."""
    connections: int = 0
    sent: int = 0
    received: int = 0
    sent_before: int = 0  # before the tools started
    received_before: int = 0
    requested: int = 0  # by all write calls together, those that failed included
    would_block: int = 0
    seconds: list = dataclasses.field(default_factory=list)  # of each connection, connect until its FIN is acknowledged


def send_without_blocking(connection, size, did):
    """As much as there is, again and again: most calls take a part of it or nothing."""
    connection.setblocking(False)
    data, left = memoryview(bytes(1_000_000)), size
    while left > 0:
        part = data[:min(left, len(data))]
        did.requested += len(part)
        try:
            left -= connection.send(part)
        except BlockingIOError:
            did.would_block += 1
            select.select([], [connection], [], 0.01)
    connection.setblocking(True)
    did.sent += size


def exchange(connection, flow, did, number=0):
    if flow.name == "renamed":
        rename_thread(f"phase{number}")
    if flow.name == "eagain":
        send_without_blocking(connection, flow.request_bytes, did)
    else:
        connection.sendall(bytes(flow.request_bytes))
        did.requested += flow.request_bytes
        did.sent += flow.request_bytes
    receive_exactly(connection, flow.reply_bytes)
    did.received += flow.reply_bytes


def connect(flow):
    family = socket.AF_INET6 if ":" in flow.remote else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(60)
    connection.connect((flow.remote, flow.port))
    connection.settimeout(None)
    # close() waits until the FIN is acknowledged.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 30))
    return connection


def finish(connection, flow):
    if flow.server_closes_first:
        connection.recv(1)
    connection.close()


def run_flow(flow):
    did = Did()
    for _ in range(flow.connections):
        begun = time.monotonic()
        connection = connect(flow)
        for number in range(flow.messages):
            exchange(connection, flow, did, number)
        finish(connection, flow)
        did.seconds.append(time.monotonic() - begun)
        did.connections += 1
    return did


def be_client():
    rename_thread("pclient")
    flows = {flow.name: flow for flow in FLOWS}
    results = {}

    old, before, begun = flows.pop("old"), Did(), time.monotonic()
    old_connection = connect(old)
    exchange(old_connection, old, before)
    print("ready", flush=True)
    sys.stdin.readline()

    during = Did(connections=1, sent_before=before.sent, received_before=before.received)
    exchange(old_connection, old, during)
    old_connection.close()
    during.seconds.append(time.monotonic() - begun)
    results["old"] = during

    still_open = flows.pop("open")
    did = Did(connections=1)
    kept = connect(still_open)
    exchange(kept, still_open, did)
    results["open"] = did

    for name, flow in flows.items():
        def work(name=name, flow=flow):
            results[name] = run_flow(flow)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    print(json.dumps({name: dataclasses.asdict(did) for name, did in results.items()}), flush=True)
    sys.stdin.readline()
    kept.close()


if __name__ == "__main__":
    {"server": serve, "client": be_client}[sys.argv[1]]()
    os._exit(0)
