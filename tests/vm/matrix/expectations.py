"""What each kernel is expected to take: the hooks that attach with the shipped configuration and with everything on,
and the probes that then do not say `ok`. A kernel is named as boot names it, the running one by its version."""
import dataclasses

# Hook -> where it hangs. The first ones are used as shipped, the others only with everything on.
SHIPPED = {
    "on_ack": "tp_btf/tcp_probe", "on_state": "tp_btf/inet_sock_set_state",
    "on_retransmit": "tp_btf/tcp_retransmit_skb", "on_synack": "tp_btf/tcp_retransmit_synack",
    "on_destroy": "tp_btf/tcp_destroy_sock", "on_drop": "tp_btf/kfree_skb", "on_reset_send": "tp_btf/tcp_send_reset",
    "on_reset_recv": "tp_btf/tcp_receive_reset", "on_congestion": "tp_btf/tcp_cong_state_set",
    "on_accept": "fexit/inet_csk_accept",
    "on_sample": "iter/bpf_sk_storage_map", "on_seed": "iter/task_file",
}
MORE = {
    "on_transmit": "cgroup_skb/egress", "on_read": "tp_btf/tcp_rcv_space_adjust",
    "on_user_send": "tp_btf/sock_send_length", "on_user_receive": "tp_btf/sock_recv_length",
}
HOOKS = {**SHIPPED, **MORE}
# Only before 5.12, where `on_sample` and `on_seed` are iter/tcp.
OLDER = {"on_references": "iter/bpf_map_elem"}
PROBES = ("rtt", "handshake", "listener", "retransmit", "time", "congestion", "stall", "order", "throughput", "life",
          "window", "socket", "state", "drop", "reset", "kernel", "reconciliation")


@dataclasses.dataclass
class Expected:
    refused: tuple = ()  # hooks
    more: tuple = ()  # hooks that only this kernel needs
    probes: dict = dataclasses.field(default_factory=dict)  # name -> (status, words of the reason)
    # Values that this kernel does not let us have: "subject: name" -> (what is measured instead, why).
    missing: dict = dataclasses.field(default_factory=dict)


RESETS = "before Linux 6.10 the kernel does not show resets that are sent without a socket"
WITHOUT_RESETS = {"application: tcpperf_resets_sent_total, refused connects": ("0", RESETS),
                  "reconciliation: events of TcpOutRsts": ("nothing", RESETS)}
STATE = ("degraded", "this kernel has no tracepoint tcp_cong_state_set")
FUNCTION = ("degraded", "the kernel refuses programs on its function inet_csk_accept")

EXPECTED = {
    # Another object, without socket storage and atomic exchanges.
    "5.10": Expected(refused=("on_drop", "on_congestion", "on_user_send", "on_user_receive"),
                     more=tuple(OLDER), missing=WITHOUT_RESETS,
                     probes={"drop": ("unsupported", "arguments, "), "time": STATE, "congestion": STATE,
                             "stall": STATE}),
    "6.1": Expected(refused=("on_user_send", "on_user_receive"), missing=WITHOUT_RESETS),
    "6.12": Expected(),
    # The development machine's, which lets no function be traced.
    "6.18": Expected(refused=("on_accept",), probes={"listener": FUNCTION, "stall": FUNCTION}),
    "7.x": Expected(),
}


def compare(checks, kernel, configuration, probes, attached):
    """`probes` as /probes says; `attached` are the hooks that the kernel says are attached."""
    expected = EXPECTED.get(kernel)
    if expected is None:
        checks.not_here(f"states, {configuration}", f"nothing is known of Linux {kernel}; see expectations.py")
        return
    wanted = {hook for hook in (SHIPPED if configuration == "shipped" else HOOKS) if hook not in expected.refused}
    wanted |= set(expected.more)
    checks.equal(f"hooks attached, {configuration}", " ".join(sorted(attached)) or "none",
                 " ".join(sorted(wanted)) or "none", "expectations.py; measured: the links that the daemon holds")
    claimed = {program["name"] for probe in probes for program in probe["programs"] if program["attached"]}
    checks.equal(f"hooks that /probes calls attached and the kernel does not, {configuration}",
                 " ".join(sorted(claimed - attached)) or "none", "none", "the links that the daemon holds")
    for probe in probes:
        status, words = expected.probes.get(probe["name"], ("ok", ""))
        reason = probe["reason"] if words not in probe["reason"] else words
        checks.equal(f"probe {probe['name']}, {configuration}", f"{probe['status']} {reason}".strip() if words
                     else probe["status"], f"{status} {words}".strip(), "expectations.py")
    checks.equal(f"probes, {configuration}", " ".join(sorted(probe["name"] for probe in probes)),
                 " ".join(sorted(PROBES)), "expectations.py")
