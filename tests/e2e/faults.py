"""Faults for rules_test.py, each on traffic of its own. A fault is begun by its call, with a pair of namespaces
(clients in the first, servers in the second), a stack that ends what it needs, and an event that tells its threads to
end."""
import contextlib
import pathlib
import socket
import threading
import time

from harness import run
from network import Chatter, Server, connect_refused


def congestion_controls():
    """Those that a socket can have without a module being loaded."""
    return pathlib.Path("/proc/sys/net/ipv4/tcp_available_congestion_control").read_text().split()


def in_background(stack, stop, function):
    """Again and again, until the end; what the fault makes fail is no failure."""
    def again():
        while not stop.is_set():
            with contextlib.suppress(OSError, AssertionError):
                function()

    thread = threading.Thread(target=again, daemon=True)
    thread.start()
    stack.callback(thread.join, 30)
    stack.callback(stop.set)


def setting(side, name, value):
    run("ip", "netns", "exec", side.name, "sysctl", "-q", f"{name}={value}")


def drop(side, what):
    """From now on, of what comes from the other side; the daemon is asked for its numbers on this one."""
    side.nft("add table inet faults; add chain inet faults input { type filter hook input priority 0 ; }; "
             f"add rule inet faults input iifname veth0 meta l4proto tcp {what} drop")


def chat(pair, stack, **options):
    server = stack.enter_context(Server(pair.b, **options))
    return server, stack.enter_context(Chatter(pair.a, server))


def losses(pair, stack, stop):
    server, _ = chat(pair, stack)
    pair.lose(server.port, 10)


def lost_tails(pair, stack, stop):
    """Messages of one segment: what is lost has nothing behind it."""
    server, _ = chat(pair, stack, message_bytes=500)
    pair.lose(server.port, 10)


def a_queue_now_and_then(pair, stack, stop):
    server = stack.enter_context(Server(pair.b, message_bytes=20_000))
    stack.enter_context(Chatter(pair.a, server, connections=6, pause_seconds=0.001))

    def queue():
        pair.slow_down("4mbit")
        stop.wait(0.3)
        pair.full_speed()
        stop.wait(1)
    in_background(stack, stop, queue)


def connects_behind_a_queue(pair, stack, stop):
    server = stack.enter_context(Server(pair.b, message_bytes=40_000))
    stack.enter_context(Chatter(pair.a, server, connections=4))
    # Each connection puts two or three segments into the queue of its own host, and no more.
    pair.slow_down("300kbit")

    def connect():
        with pair.a.open_socket() as client:
            client.connect(server.address)
    for _ in range(4):
        in_background(stack, stop, connect)


def refused_connects(pair, stack, stop):
    def connect():
        connect_refused(pair.a, pair.b.v4)
        stop.wait(0.05)
    in_background(stack, stop, connect)


def packets_dropped_by_a_filter(pair, stack, stop):
    """Many connects that a firewall drops: SYNs only, so that nothing is sent that could be lost."""
    drop(pair.b, "tcp dport 9")

    def connect():
        with pair.a.open_socket() as client:
            client.setblocking(False)
            client.connect_ex((pair.b.v4, 9))
        stop.wait(0.002)
    in_background(stack, stop, connect)


def nobody_accepts(pair, stack, stop):
    listener = stack.enter_context(pair.b.listen(backlog=1))

    def connect():
        client = stack.enter_context(pair.a.open_socket())
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        stop.wait(0.05)
    in_background(stack, stop, connect)


def half_open_connects(pair, stack, stop):
    """The clients never see the SYN-ACKs, so no handshake is completed and the request queue fills."""
    drop(pair.a, "tcp flags & (syn | ack) == syn | ack")
    setting(pair.b, "net.ipv4.tcp_syncookies", 1)
    listener = stack.enter_context(pair.b.listen(backlog=8))

    def connect():
        client = stack.enter_context(pair.a.open_socket())
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        stop.wait(0.01)
    in_background(stack, stop, connect)


def one_sided(pair, stack, receive_bytes=None, send_bytes=None):
    """A connection, and the server's end of it, with buffers of so many bytes."""
    listener = stack.enter_context(pair.b.open_socket())
    if receive_bytes:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    listener.bind((pair.b.v4, 0))
    listener.listen(8)
    client = stack.enter_context(pair.a.open_socket())
    if send_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
    client.connect(listener.getsockname())
    return client, stack.enter_context(listener.accept()[0])


def readers_without_room(pair, stack, stop):
    """Single bytes, each in a packet that takes much more of the buffer; behind one that is lost they have to be kept,
    and cannot be joined while the sender keeps them too."""
    drop(pair.b, "tcp flags & psh == psh numgen random mod 100 < 20")

    def flood():
        with contextlib.ExitStack() as few:
            pairs = [one_sided(pair, few, receive_bytes=4096) for _ in range(8)]
            for client, _ in pairs:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.setblocking(False)
            for _ in range(200):
                for client, _ in pairs:
                    with contextlib.suppress(BlockingIOError):
                        client.send(b"x")
            stop.wait(0.5)
    in_background(stack, stop, flood)


def bulk(pair, stack, stop, connections=1, pause_seconds=0.0, **buffers):
    """Transfers without an end: clients that write what they can, and a server that reads, pausing after each read."""
    port = None
    for _ in range(connections):
        client, server = one_sided(pair, stack, **buffers)
        port = server.getsockname()[1]
        for end in (client, server):
            end.settimeout(1)

        def read(server=server):
            server.recv(1 << 16)
            stop.wait(pause_seconds)
        in_background(stack, stop, lambda client=client: client.send(b"b" * 65536))
        in_background(stack, stop, read)
    return port


def bulk_with_losses(pair, stack, stop):
    bulk(pair, stack, stop, connections=4)
    drop(pair.b, "numgen random mod 100 < 3")


def bulk_with_heavy_losses(pair, stack, stop):
    bulk(pair, stack, stop, connections=4)
    drop(pair.b, "numgen random mod 100 < 25")


def a_path_that_breaks_off(pair, stack, stop):
    """For longer than three timeouts, again and again."""
    bulk(pair, stack, stop, connections=4)

    def break_off():
        drop(pair.b, "")
        stop.wait(3)
        pair.lose_nothing()
        stop.wait(1)
    in_background(stack, stop, break_off)


def acknowledgements_that_come_late(pair, stack, stop):
    """Later than the timeout, at times: what is sent again has arrived long ago. The queue is the receiver's, since
    nothing is sent again that still is in one of the own host."""
    pair.slow_down("5mbit")
    bulk(pair, stack, stop, connections=12)

    def hold_up():
        for rate, seconds in (("4kbit", 1.2), ("1mbit", 0.8)):
            run("tc", "-n", pair.b.name, "qdisc", "replace", "dev", "veth0", "root", "tbf", "rate", rate,
                "burst", "3kb", "latency", "2s")
            stop.wait(seconds)
    in_background(stack, stop, hold_up)


def a_transfer(pair, stack, stop):
    """No fault: one connection that fills a path of 20 Mbit/s."""
    pair.slow_down("20mbit")
    bulk(pair, stack, stop)


def slow_readers(pair, stack, stop):
    """With small buffers that are seldom quite full."""
    bulk(pair, stack, stop, connections=4, pause_seconds=0.005, receive_bytes=16384)


def readers_that_stop(pair, stack, stop):
    bulk(pair, stack, stop, connections=4, pause_seconds=30)


def readers_that_pause(pair, stack, stop):
    bulk(pair, stack, stop, connections=4, pause_seconds=1.5)


def readers_that_come_late(pair, stack, stop):
    """They read all there is, and then nothing for a while."""
    for _ in range(8):
        client, server = one_sided(pair, stack)
        for end in (client, server):
            end.settimeout(5)

        def send(client=client):
            client.send(b"s" * 100)
            stop.wait(0.4)

        def read(server=server):
            stop.wait(3)
            server.recv(1 << 16)
        in_background(stack, stop, send)
        in_background(stack, stop, read)


def small_receive_buffers(pair, stack, stop):
    pair.slow_down("20mbit")
    bulk(pair, stack, stop, connections=4, receive_bytes=4096)


def small_send_buffers(pair, stack, stop):
    pair.slow_down("20mbit")
    bulk(pair, stack, stop, connections=4, send_bytes=2304)


def a_slow_link(pair, stack, stop):
    pair.slow_down("2mbit")
    bulk(pair, stack, stop, connections=4, send_bytes=65536)


def applications_with_little_to_send(pair, stack, stop):
    """One segment at a time over a link that takes a while for it."""
    pair.slow_down("1mbit")
    chat(pair, stack, message_bytes=1000)


def paced_senders(pair, stack, stop):
    for _ in range(4):
        client, server = one_sided(pair, stack)
        client.setsockopt(socket.SOL_SOCKET, 47, 500_000)  # SO_MAX_PACING_RATE, bytes/s
        for end in (client, server):
            end.settimeout(1)
        in_background(stack, stop, lambda client=client: client.send(b"b" * 65536))
        in_background(stack, stop, lambda server=server: server.recv(1 << 16))


def a_server_that_accepts_slowly(pair, stack, stop):
    listener = stack.enter_context(pair.b.listen(backlog=64))

    def connect():
        stack.enter_context(pair.a.open_socket()).connect(listener.getsockname())
        stop.wait(0.3)

    def accept():
        stop.wait(0.3)
        stack.enter_context(listener.accept()[0])
    in_background(stack, stop, connect)
    in_background(stack, stop, accept)
    in_background(stack, stop, connect)
