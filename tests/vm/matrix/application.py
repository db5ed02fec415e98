"""What the programs at both ends know: how much they sent, to whom they connected, who broke off, who waited."""
import select
import socket
import time

import network
import traffic
from lab import harness

CONNECTIONS, MESSAGE, REPLY, MESSAGES = 53, 1009, 307, 3
REFUSED, RESET = 17, 19
UNREAD_SECONDS = 1.5
BUCKET = 2 ** (1 / 8)
TICK_SECONDS = 0.01  # of a kernel with 100 Hz; all have that or less


def run(lab, checks):
    lab.way.shape()
    numbers(lab, checks)
    refused_and_reset(lab, checks)
    shut_window(lab, checks)


def numbers(lab, checks):
    with lab.measured() as result:
        port = traffic.exchanges(lab.a, lab.b, CONNECTIONS, MESSAGES, MESSAGE, REPLY)
    sent, received = CONNECTIONS * MESSAGES * MESSAGE, CONNECTIONS * MESSAGES * REPLY
    truth = "the programs at both ends"

    def increase(name, **labels):
        return result.ours.increase(name, service_port=port, **labels)
    for role, out, back in (("client", sent, received), ("server", received, sent)):
        for name, expected in (("tcpperf_sent_bytes_total", out), ("tcpperf_acked_bytes_total", out),
                               ("tcpperf_received_bytes_total", back), ("tcpperf_connects_total", CONNECTIONS),
                               ("tcpperf_connection_duration_seconds_count", CONNECTIONS),
                               ("tcpperf_connection_sent_bytes_sum", out)):
            checks.equal(f"{name}, {role}", increase(name, role=role), expected, truth)


def refused_and_reset(lab, checks):
    with lab.measured() as result:
        for _ in range(REFUSED):
            network.connect_refused(lab.a, lab.b.v4)
    checks.equal("connects refused", result.ours.increase("tcpperf_connect_failures_total", reason="refused"), REFUSED,
                 "the program that tried")
    resets(lab, checks, result, "refused connects", REFUSED)
    with lab.measured() as result, network.Server(lab.b) as server:
        for _ in range(RESET):
            network.connect_and_reset(lab.a, server.address)
        harness.wait_until(lambda: server.closed == RESET, "the server has seen all resets")
    resets(lab, checks, result, "connections broken off", RESET)


def resets(lab, checks, result, what, expected):
    for name in ("tcpperf_resets_sent_total", "tcpperf_resets_received_total"):
        checks.equal(f"{name}, {what}", result.ours.increase(name), expected, "the program at the other end")
    checks.equal(f"kernel's resets, {what}", result.a["TcpOutRsts"] + result.b["TcpOutRsts"], expected, "TcpOutRsts")


def shut_window(lab, checks):
    """A receiver that does not read: the sender fills its window, waits, and goes on when it reads."""
    with lab.measured() as result, lab.b.listen() as listener, lab.a.open_socket() as client:
        port = str(listener.getsockname()[1])
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            begun = time.monotonic()
            client.setblocking(False)
            sent = fill(client)
            shut = time.monotonic()
            time.sleep(UNREAD_SECONDS)
            reading = time.monotonic()
            client.setblocking(True)
            client.shutdown(socket.SHUT_WR)
            left = sent
            while left:
                left -= len(server.recv(1 << 20))
            opened = time.monotonic()
            server.shutdown(socket.SHUT_WR)
            traffic.receive_to_end(client)
    truth = "the clock of the program that did not read"
    ours = result.ours
    checks.equal("windows of the peer that shut", ours.increase("tcpperf_zero_window_events_total", side="peer",
                                                                service_port=port, role="client"), 1, truth)
    least, most = reading - shut - TICK_SECONDS, opened - begun + TICK_SECONDS
    checks.within("seconds that the peer's window was shut",
                  ours.increase("tcpperf_stall_seconds_sum", cause="zero_window_peer", service_port=port,
                                role="client"), least, most, truth)
    unread = ours.histogram("tcpperf_stall_seconds", cause="unread", service_port=port, role="server")
    longest = [bucket for bucket in unread.buckets if bucket[2]] if unread else []
    checks.within("seconds that data waited to be read, at the most", longest and longest[-1][1], least,
                  most * BUCKET, truth + ", and one bucket")


def fill(client):
    """Bytes that fit until nothing has for half a second."""
    sent = 0
    while select.select([], [client], [], 0.5)[1]:
        try:
            sent += client.send(traffic.BULK)
        except BlockingIOError:
            pass
    return sent
