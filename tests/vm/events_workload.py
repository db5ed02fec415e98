#!/usr/bin/env python3
"""Traffic in which connections end in all ways, segments are lost and listeners are full; all of it counted here.

`events_workload.py server` and `events_workload.py client` run in two network namespaces and say "ready". Each line on
the client's standard input names a part, and what was done is answered as one line of JSON. "accept" makes the server
accept what waits at the full listener.
"""
import dataclasses
import errno
import json
import os
import socket
import struct
import sys
import threading
import time

from workload import SERVER_V4, SERVER_V6, receive_exactly, rename_thread

NEAR, FAR = SERVER_V4[0], SERVER_V4[1]
# How long the side that closes last waits with it.
HOLD_SECONDS = 0.3
# Of both listeners that are compared; one more fits.
SMALL_BACKLOG = 7
FULL_CONNECTS, FULL_WAIT_SECONDS = 20, 0.5
TOTAL_RETRANS_OFFSET = 100  # of tcpi_total_retrans in struct tcp_info


@dataclasses.dataclass(frozen=True)
class Flow:
    name: str
    port: int
    connections: int
    about: str
    remote: str = NEAR
    backlog: int = 128
    dual: bool = False  # the listener is an IPv6 socket that takes IPv4 too


STATES = (
    Flow("client", 6001, 13, "the client ends first, the server 300 ms later"),
    Flow("server", 6002, 17, "the server closes first, the client 300 ms later"),
    Flow("both", 6003, 5, "both end before they know of the other's end", remote=FAR),
    Flow("reset", 6004, 11, "the client resets"),
    Flow("refused", 6005, 7, "nobody listens"),
    Flow("silent", 6006, 3, "SYNs are lost, one retry (TCP_SYNCNT)"),
    Flow("ipv6", 6007, 3, "as client, over IPv6", remote=SERVER_V6[0]),
)
LOSS = (
    Flow("bulk", 6101, 3, "6 MB to the server, packets to it lost at random"),
    Flow("short", 6102, 3, "40 times 300 bytes and an answer, packets to the server lost at random"),
    Flow("synack", 6103, 3, "every other SYN-ACK is lost"),
)
LISTENERS = (
    Flow("full", 6201, FULL_CONNECTS, f"backlog {SMALL_BACKLOG}, nobody accepts", backlog=SMALL_BACKLOG),
    Flow("same", 6202, 5, f"backlog {SMALL_BACKLOG}, accepted at once", backlog=SMALL_BACKLOG),
    Flow("wide", 6203, 5, "backlog 128, accepted at once"),
    Flow("dual", 6204, 5, "backlog 64, accepted at once, IPv4 to an IPv6 socket", backlog=64, dual=True),
)
CONNECTIONS = (
    Flow("idle", 6301, 2, "one request, then nothing for 6 s"),
    Flow("slow", 6302, 1, "the server reads 32 KB every 100 ms"),
)
FLOWS = STATES + LOSS + LISTENERS + CONNECTIONS
BULK_BYTES = 6_000_011
SHORT_BYTES, SHORT_EXCHANGES = 300, 40
IDLE_SECONDS = 6


@dataclasses.dataclass
class Did:
    """What the client's side of a flow did."""
    connections: int = 0  # established
    failed: dict = dataclasses.field(default_factory=dict)  # by the error's name
    connect_seconds: list = dataclasses.field(default_factory=list)
    retransmitted: int = 0  # tcpi_total_retrans of all, read when all is acknowledged
    waited_seconds: list = dataclasses.field(default_factory=list)  # for the server to accept


# ---- server ----------------------------------------------------------------------------------------------------------

may_accept = threading.Event()


def wait_for_end(connection):
    while connection.recv(1 << 16):
        pass


def end_last(connection):
    wait_for_end(connection)
    time.sleep(HOLD_SECONDS)


def end_first(connection):
    receive_exactly(connection, 1)


def end_together(connection):
    data = connection.recv(8, socket.MSG_WAITALL)
    end_at(connection, struct.unpack("d", data)[0])


def end_at(connection, moment):
    time.sleep(max(0, moment - time.monotonic()))
    connection.shutdown(socket.SHUT_WR)
    wait_for_end(connection)


def be_reset(connection):
    receive_exactly(connection, 1)
    connection.sendall(b"a")
    wait_for_end(connection)


def take_bulk(connection):
    receive_exactly(connection, BULK_BYTES)
    connection.sendall(b"a")
    wait_for_end(connection)


def answer_each(connection):
    for _ in range(SHORT_EXCHANGES):
        receive_exactly(connection, SHORT_BYTES)
        connection.sendall(b"a")
    wait_for_end(connection)


def say_accepted(connection):
    connection.sendall(b"a")
    wait_for_end(connection)


def read_slowly(connection):
    while connection.recv(1 << 15):
        time.sleep(0.1)


ANSWERS = {"client": end_last, "ipv6": end_last, "server": end_first, "both": end_together, "reset": be_reset,
           "silent": wait_for_end, "bulk": take_bulk, "short": answer_each, "synack": wait_for_end,
           "idle": end_last, "slow": read_slowly}


def answer(connection, flow):
    with connection:
        try:
            ANSWERS.get(flow.name, say_accepted)(connection)
        except ConnectionResetError:
            pass  # the client broke it off


def accept(listener, flow):
    if flow.name == "full":
        may_accept.wait()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection, flow), daemon=True).start()


def listen(flow):
    family = socket.AF_INET6 if flow.dual or ":" in flow.remote else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if flow.dual:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if flow.name == "slow":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
    listener.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", flow.port))
    listener.listen(flow.backlog)
    threading.Thread(target=accept, args=(listener, flow), daemon=True).start()


def serve():
    rename_thread("eserver")
    for flow in FLOWS:
        if flow.name != "refused":
            listen(flow)
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "accept":
            may_accept.set()
            print("accepting", flush=True)


# ---- client ----------------------------------------------------------------------------------------------------------

def connect(flow, did):
    """None when it failed."""
    connection = socket.socket(socket.AF_INET6 if ":" in flow.remote else socket.AF_INET, socket.SOCK_STREAM)
    connection.settimeout(60)
    if flow.name == "silent":
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
    begun = time.monotonic()
    try:
        connection.connect((flow.remote, flow.port))
    except OSError as error:
        name = errno.errorcode.get(error.errno, "timeout")
        did.failed[name] = did.failed.get(name, 0) + 1
        connection.close()
        return None
    did.connections += 1
    did.connect_seconds.append(time.monotonic() - begun)
    return connection


def end_and_look(connection, did):
    """Ends, waits until the other side has, and reads what was sent again, a lost FIN included."""
    connection.shutdown(socket.SHUT_WR)
    wait_for_end(connection)
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    did.retransmitted += struct.unpack_from("I", info, TOTAL_RETRANS_OFFSET)[0]


def be_first(connection, did):
    end_and_look(connection, did)


def be_last(connection, _):
    connection.sendall(b"r")
    end_last(connection)


def end_with_it(connection, _):
    """Its FIN arrives at once and the server's takes longer: in the middle between its departure and its arrival."""
    moment = time.monotonic() + 0.2
    connection.sendall(struct.pack("d", moment))
    end_at(connection, moment + 0.04)


def break_off(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def reset(connection, _):
    connection.sendall(b"r")
    receive_exactly(connection, 1)
    break_off(connection)


def send_bulk(connection, did):
    connection.sendall(bytes(BULK_BYTES))
    receive_exactly(connection, 1)
    end_and_look(connection, did)


def ask_often(connection, did):
    for _ in range(SHORT_EXCHANGES):
        connection.sendall(bytes(SHORT_BYTES))
        receive_exactly(connection, 1)
    end_and_look(connection, did)


def wait_for_accept(connection, did):
    begun = time.monotonic()
    receive_exactly(connection, 1)
    did.waited_seconds.append(time.monotonic() - begun)


ACTS = {"client": be_first, "ipv6": be_first, "server": be_last, "both": end_with_it, "reset": reset, "bulk": send_bulk,
        "short": ask_often, "synack": be_first, "same": wait_for_accept, "wide": wait_for_accept,
        "dual": wait_for_accept}


def run_flow(flow):
    did = Did()

    def one():
        connection = connect(flow, did)
        if connection:
            with connection:
                ACTS[flow.name](connection, did)
    if flow.name == "silent":
        together([one] * flow.connections)
    else:
        for _ in range(flow.connections):
            one()
    return did


def together(works):
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_flows(flows):
    results = {}

    def work(flow):
        results[flow.name] = run_flow(flow)
    together([lambda flow=flow: work(flow) for flow in flows])
    return results


def say(results):
    print(json.dumps({name: dataclasses.asdict(did) for name, did in results.items()}), flush=True)


def fill_listener():
    """The connections that waited, and what was done; those that find no room are given up."""
    flow, did = LISTENERS[0], Did()
    waiting = [(time.monotonic(), connect(flow, did)) for _ in range(flow.backlog + 1)]
    given_up = []
    for _ in range(flow.connections - len(waiting)):
        given_up.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        given_up[-1].setblocking(False)
        given_up[-1].connect_ex((flow.remote, flow.port))
    time.sleep(FULL_WAIT_SECONDS)
    for connection in given_up:
        connection.close()
    did.failed["given up"] = len(given_up)
    return waiting, did


def be_client():
    rename_thread("eclient")
    print("ready", flush=True)
    waiting, full, kept, ended = [], None, [], threading.Event()
    for line in sys.stdin:
        part = line.strip()
        if part == "states":
            say(run_flows(STATES))
        elif part == "loss":
            say(run_flows(LOSS))
        elif part == "listeners":
            results = run_flows(LISTENERS[1:])
            waiting, full = fill_listener()
            say({**results, "full": full})
        elif part == "accepted":
            for since, connection in waiting:
                receive_exactly(connection, 1)
                full.waited_seconds.append(time.monotonic() - since)
                connection.close()
            say({"full": full})
        elif part == "connections":
            idle, slow = CONNECTIONS
            did = {flow.name: Did() for flow in CONNECTIONS}
            kept = [connect(idle, did["idle"]) for _ in range(idle.connections)]
            for connection in kept:
                connection.sendall(bytes(SHORT_BYTES))
            kept.append(connect(slow, did["slow"]))
            threading.Thread(target=send_until, args=(kept[-1], ended), daemon=True).start()
            time.sleep(IDLE_SECONDS)
            say(did)
        elif part == "broken off":
            ended.set()
            for connection in kept:
                break_off(connection)
            say({})
        elif part == "end":
            break


def send_until(connection, ended):
    try:
        while not ended.is_set():
            connection.sendall(bytes(1 << 14))
    except OSError:
        pass


if __name__ == "__main__":
    {"server": serve, "client": be_client}[sys.argv[1]]()
    os._exit(0)
