#!/usr/bin/env python3
"""The service manager's protocol (sd_notify(3)), with the test as the service manager."""
import contextlib
import os
import pathlib
import re
import signal
import socket
import time
import unittest

from harness import PROBES, EndToEndTest, allowed, free_port, quiet_config, wait_until

WATCHDOG_SECONDS = 0.4
HALF_A_REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept"


class Manager:
    """A notification socket. Each message becomes a dict."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.environment = {"NOTIFY_SOCKET": str(path)}

    def close(self):
        self._socket.close()

    def receive(self, seconds=20):
        """The next message, or None."""
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(4096).decode()
        except TimeoutError:
            return None
        return dict(line.split("=", 1) for line in data.splitlines())

    def receive_all(self):
        """What has come so far."""
        return list(iter(lambda: self.receive(0.001), None))

    def await_message(self, key, seconds=20):
        """The first message with this key; others are passed over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            message = self.receive(max(0.001, end - time.monotonic()))
            if message and key in message:
                return message
        raise AssertionError(f"no {key} within {seconds} s")

    def fill(self):
        """From now on who sends has to wait until something is received."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    sender.sendto(b"FILLER=1", self._socket.getsockname())


class Systemd(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.manager = Manager(self.folder / "notify")
        self.addCleanup(self.manager.close)

    def start_managed(self, config=None, watchdog=False, **options):
        environment = dict(self.manager.environment)
        if watchdog:
            environment["WATCHDOG_USEC"] = str(int(WATCHDOG_SECONDS * 1e6))
        return self.start(config or quiet_config(), environment=environment, **options)

    def test_ready_is_said_after_metrics_answer(self):
        # Nobody receives, so the daemon stands still where it says READY=1: what works now worked before.
        self.manager.fill()
        address = ("127.0.0.1", free_port())
        daemon = self.start_managed(ready=False, listen=(f"{address[0]}:{address[1]}",))

        def answers():
            with contextlib.suppress(ConnectionRefusedError):
                return daemon.ask("/-/ready", address=address).status == 200
        wait_until(answers, "/-/ready answers before READY=1 is received")
        self.assertEqual(daemon.ask(address=address).status, 200)

        message = self.manager.await_message("READY")
        self.assertEqual(message["READY"], "1")
        self.assertRegex(message["STATUS"],
                         rf"^{len(PROBES)} of {len(PROBES)} probes measuring, \d+ programs attached$")

    def test_watchdog_is_fed_twice_per_interval_and_not_while_the_daemon_stands_still(self):
        daemon = self.start_managed(watchdog=True)
        self.manager.await_message("WATCHDOG")
        pause = WATCHDOG_SECONDS / 2
        start = time.monotonic()
        for _ in range(10):
            self.manager.await_message("WATCHDOG")
        elapsed = time.monotonic() - start
        self.assertGreater(elapsed, 8 * pause)  # the first of them may be late, the last may not
        self.assertLess(elapsed, allowed(10 * pause + 1))

        daemon.signal(signal.SIGSTOP)
        stat = pathlib.Path(f"/proc/{daemon.pid}/stat")
        wait_until(lambda: stat.read_text().split(") ")[1][0] == "T", "it stands still")
        self.manager.receive_all()
        self.assertIsNone(self.manager.receive(3 * WATCHDOG_SECONDS))
        daemon.signal(signal.SIGCONT)
        self.manager.await_message("WATCHDOG")

    def test_no_watchdog_without_an_interval(self):
        self.start_managed()
        self.manager.await_message("READY")
        self.assertIsNone(self.manager.receive(0.5))

    def test_a_watchdog_of_another_process_is_not_fed(self):
        environment = {**self.manager.environment, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": str(os.getpid())}
        self.start(quiet_config(), environment=environment)
        self.manager.await_message("READY")
        self.assertIsNone(self.manager.receive(0.5))

    def test_a_reload_is_announced_with_its_time_and_ends_with_ready(self):
        daemon = self.start_managed()
        self.manager.await_message("READY")
        for config, good in ((quiet_config(tick="1s"), True), ("tick: never", False)):
            with self.subTest(good=good):
                before = time.clock_gettime(time.CLOCK_MONOTONIC)
                daemon.reload(config, good)
                message = self.manager.receive()
                self.assertEqual(message["RELOADING"], "1")
                self.assertLessEqual(before, int(message["MONOTONIC_USEC"]) / 1e6 + 1e-6)
                self.assertLessEqual(int(message["MONOTONIC_USEC"]) / 1e6, time.clock_gettime(time.CLOCK_MONOTONIC))
                message = self.manager.receive()
                self.assertEqual(message["READY"], "1")
                self.assertIn(f"{len(PROBES)} of {len(PROBES)} probes measuring", message["STATUS"])
                if good:
                    self.assertNotIn("not reloaded", message["STATUS"])
                else:
                    self.assertIn(f"; configuration not reloaded: {daemon.config_file}:1:", message["STATUS"])

    def test_the_status_tells_of_a_web_file_that_was_refused(self):
        web = self.folder / "web.yaml"
        web.write_text("")
        daemon = self.start(quiet_config(), environment=self.manager.environment,
                            arguments=(f"--web.config.file={web}",))
        self.manager.await_message("READY")
        web.write_text("tls: {}\n")
        daemon.reload(quiet_config(tick="1s"))
        self.manager.await_message("RELOADING")
        status = self.manager.await_message("READY")["STATUS"]
        self.assertIn(f"; web configuration not reloaded: {web}:1:", status)
        self.assertNotIn("; configuration", status)

    def test_in_the_journal_each_line_has_its_priority_and_no_time(self):
        # As systemd does it: the number of the file that stderr is.
        prefix = ("/bin/sh", "-c", 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"', "sh")
        for arguments, said in (((), r"(?!\d{4}-)"), (("--log.format=json",), r"\{")):
            with self.subTest(arguments=arguments):
                daemon = self.start(quiet_config(), prefix=prefix, arguments=arguments)
                daemon.reload("tick: never\ntock: 1s", good=False)
                daemon.end()
                self.assertTrue(all(re.match(rf"<[3-6]>{said}", line) for line in daemon.lines), daemon.said())
                errors = [line for line in daemon.lines if line.startswith("<3>")]
                self.assertEqual(len(errors), 1 if arguments else 3, daemon.said())

    def test_where_stderr_is_not_the_journal_lines_have_a_time(self):
        # The variable is inherited from a service that runs this program with its output elsewhere.
        daemon = self.start(quiet_config(), environment={"JOURNAL_STREAM": "1:1"})
        self.assertTrue(all(re.match(r"\d{4}-\d\d-\d\dT.* [a-z]+: ", line) for line in daemon.lines), daemon.said())

    def assert_ends_in_time(self, daemon, number=signal.SIGTERM):
        self.manager.receive_all()
        limit = allowed(1)
        start = time.monotonic()
        daemon.signal(number)
        self.assertEqual(daemon.wait(), 0, daemon.said())
        self.assertLess(time.monotonic() - start, limit)
        self.assertEqual([message for message in self.manager.receive_all() if "STOPPING" in message],
                         [{"STOPPING": "1"}])

    def test_the_end_is_announced_and_comes_within_a_second(self):
        self.assert_ends_in_time(self.start_managed())
        self.assert_ends_in_time(self.start_managed(), signal.SIGINT)

    def test_stalled_clients_do_not_delay_the_end(self):
        daemon = self.start_managed()
        with contextlib.ExitStack() as stack:
            for _ in range(8):
                stack.enter_context(socket.create_connection(daemon.addresses()[0])).sendall(HALF_A_REQUEST)
            self.assertEqual(daemon.ask().status, 200)
            self.assert_ends_in_time(daemon)

    def test_a_webhook_that_does_not_answer_does_not_delay_the_end(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            always = {"name": "always", "condition": "connections_established >= 0", "window": "100ms"}
            daemon = self.start_managed(quiet_config(
                tick="100ms", alerts=[always],
                sinks={"syslog": False, "webhook": {"url": f"http://127.0.0.1:{silent.getsockname()[1]}/"}}))
            connection, _ = silent.accept()
            with connection:
                connection.settimeout(20)
                self.assertTrue(re.match(rb"POST / ", connection.recv(4096)))
                self.assert_ends_in_time(daemon)


if __name__ == "__main__":
    unittest.main(verbosity=2)
