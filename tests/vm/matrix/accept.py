"""The wait for accept(), against the clock of the program that let it wait. Exact only where the exit of a function can
be traced; else the first sign of life ends the wait, and it can be too long."""
import time

import traffic

CONNECTIONS = 13
WAIT_SECONDS = 1.0
EXACT = ("seconds of waiting for accept() in sum, exact", "median of tcpperf_listener_accept_wait_seconds")


def run(lab, checks):
    lab.way.shape()
    waits = []
    with lab.measured() as result, lab.b.listen() as listener:
        port = str(listener.getsockname()[1])
        clients = []
        for _ in range(CONNECTIONS):
            begun = time.monotonic()
            clients.append(lab.a.open_socket())
            clients[-1].connect(listener.getsockname())
            waits.append([begun, time.monotonic()])
        time.sleep(WAIT_SECONDS)
        accepted = []
        for wait in waits:
            before = time.monotonic()
            accepted.append(listener.accept()[0])
            wait[:] = [before - wait[1], time.monotonic() - wait[0]]
        for client, server in zip(clients, accepted):
            with client, server:
                server.shutdown(1)
                traffic.receive_to_end(client)
    waited = result.ours.histogram("tcpperf_listener_accept_wait_seconds", local_port=port)
    truth = "the clock of the program that accepts"
    checks.equal("waits for accept()", waited and waited.count, CONNECTIONS, truth)
    total = waited.mean * waited.count if waited and waited.count else None
    least, most = sum(wait[0] for wait in waits), sum(wait[1] for wait in waits)
    # The handshake's last ACK may arrive a moment after connect() has returned.
    if lab.attached("on_accept"):
        checks.within(EXACT[0], total, least * 0.99, most, truth)
        checks.quantile(EXACT[1], waited, 0.5, least / CONNECTIONS,
                        most / CONNECTIONS, truth)
    else:
        checks.within("seconds of waiting for accept() in sum, at least", total, least * 0.99, None, truth)
        for name in EXACT:
            checks.not_here(name, "this kernel refuses programs on functions")
