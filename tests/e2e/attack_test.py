#!/usr/bin/env python3
"""The web server under attack, by a real daemon. During each attack somebody at another address scrapes: every scrape
succeeds, memory and descriptors stay bounded, and afterwards both are as before.
"""
import base64
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import socket
import ssl
import threading
import time
import unittest

import metrics
from attackers import CONNECTIONS, PER_CLIENT, SCRAPER_PATIENCE, WHOLE, AttackTest, Client, Watch, attacker
from certificates import Authority, bcrypt
from harness import quiet_config, run, wait_until


class Floods(AttackTest):
    def test_a_page_that_is_shared_is_still_newer_than_its_request(self):
        _, address, watch = self.start_plain()

        def missing():
            return self.counts(address).total("tcpperf_http_responses_total", code="404")
        with watch.attack(), concurrent.futures.ThreadPoolExecutor() as pool:
            flood = pool.submit(self.load, address[1], "/metrics")
            before = missing()
            asked = 0
            while not flood.done():
                client = Client(address, "127.0.0.1")
                client.send(b"GET /missing HTTP/1.0\r\n\r\n")
                self.assertIn(b" 404 ", client.read())
                client.close()
                asked += 1
                self.assertEqual(missing(), before + asked)
                time.sleep(0.05)  # connections are opened slowly enough not to be refused
            self.assertGreater(asked, 2)

    def test_connections_opened_and_dropped_as_fast_as_can_be(self):
        _, address, watch = self.start_plain()
        refused = self.counts(address).total("tcpperf_http_connections_refused_total")
        with watch.attack():
            end = time.monotonic() + 5
            opened = 0
            while time.monotonic() < end:
                clients = [Client(address, attacker(0)) for _ in range(100)]
                opened += len(clients)
                for client in clients:
                    client.close()
        after = self.counts(address)
        print(f"  {opened} connections; refused: "
              f"{after.total('tcpperf_http_connections_refused_total') - refused:.0f}", flush=True)
        gone = sum(after.total(f"tcpperf_http_connections_{kind}_total") for kind in ("refused", "unanswered"))
        self.assertGreaterEqual(gone - refused, opened, "each of them is counted")

    def test_wrong_passwords_get_a_tenth_of_a_cpu_and_delay_nobody(self):
        web = self.folder / "web.yaml"
        web.write_text(json.dumps({"basic_auth_users": {"ann": bcrypt("secret", cost=10)}}))
        daemon = self.start(quiet_config(), ready=False, arguments=(f"--web.config.file={web}",))
        address = daemon.addresses()[0]
        right = b"Authorization: Basic YW5uOnNlY3JldA==\r\n"

        def scrape():
            with socket.create_connection(address, timeout=SCRAPER_PATIENCE, source_address=("127.0.0.1", 0)) as client:
                return self.complete_page(client, right)
        watch = Watch(self, daemon, scrape)

        def cpu_seconds():
            for task in pathlib.Path(f"/proc/{daemon.pid}/task").iterdir():
                name, fields = (task / "stat").read_text().rsplit(")", 1)
                if name.endswith("(tcpperf-passwd"):
                    return sum(int(field) for field in fields.split()[11:13]) / os.sysconf("SC_CLK_TCK")
            return 0.0
        codes = {}
        number = 0

        def wrong(answered):
            nonlocal number
            number += 1
            client = Client(address, attacker(number % 60))  # each slow enough not to be refused
            token = base64.b64encode(b"ann:%d" % number)
            client.send(b"GET /metrics HTTP/1.0\r\nAuthorization: Basic " + token + b"\r\n\r\n")
            if answered:
                status = client.read(20)[9:12]  # it may have to wait for its turn
                codes[status] = codes.get(status, 0) + 1
            client.close()
        with watch.attack():
            while codes.get(b"401", 0) < 60:  # what they have to spare while nobody knows them
                wrong(answered=True)
            start, before = time.monotonic(), cpu_seconds()
            while time.monotonic() - start < 8:
                wrong(answered=number % 20 == 0)  # of three addresses
            took, spent = time.monotonic() - start, cpu_seconds() - before
        print(f"  {number} wrong passwords, the last in {took:.1f} s: {spent:.2f} s of CPU; {codes}", flush=True)
        self.assertGreater(spent, 0)
        self.assertLess(spent, 1 + took / 10 + 1)  # what may be owed, the tenth, and one check that is slow
        self.assertLessEqual(set(codes), {b"401", b"503"})

    def test_a_right_password_that_was_never_seen_is_checked_among_wrong_ones_from_many_addresses(self):
        users = {f"user{number}": "secret" for number in range(6)}
        web = self.folder / "web.yaml"
        web.write_text(json.dumps({"basic_auth_users": {
            user: bcrypt(password, cost=8) for user, password in users.items()}}))
        daemon = self.start(quiet_config(), ready=False, arguments=(f"--web.config.file={web}",))
        address = daemon.addresses()[0]
        ending = threading.Event()
        self.addCleanup(ending.set)
        statuses = {}

        def ask(source, user, password):
            client = Client(address, source)
            token = base64.b64encode(f"{user}:{password}".encode())
            client.send(b"GET /-/ready HTTP/1.0\r\nAuthorization: Basic " + token + b"\r\n\r\n")
            answer = client.read(60)
            client.close()
            return answer[9:12]

        def guess(number):
            tried = 0
            while not ending.is_set():
                tried += 1
                status = ask(attacker(number), "user0", f"{number} {tried}")
                statuses.setdefault(status, set()).add(number)
                ending.wait(0.02)
        guessing = [threading.Thread(target=guess, args=(number,)) for number in range(80)]  # of 64 that may wait
        for thread in guessing:
            thread.start()
        try:
            wait_until(lambda: len(statuses.get(b"401", ())) == 80 and b"503" in statuses, "each has been wrong", 60)
            self.assertEqual([ask("127.0.0.1", *user) for user in users.items()], [b"200"] * len(users))
        finally:
            ending.set()
            for thread in guessing:
                thread.join()


class Slow(AttackTest):
    def test_a_scraper_keeps_its_connection_while_another_process_at_its_address_opens_all_it_can(self):
        _, address, _ = self.start_plain()
        kept = Client(address, "127.0.0.1")
        self.addCleanup(kept.close)

        def scrape():
            self.assertTrue(kept.send(WHOLE))
            return kept.read(1)
        self.assertTrue(scrape().startswith(b"HTTP/1.1 200"))
        held, opened = [], 0
        end = time.monotonic() + 14  # nearly a scrape interval, and longer than a head may take
        try:
            while time.monotonic() < end:
                with contextlib.suppress(OSError):
                    client = Client(address, "127.0.0.1")
                    opened += 1
                    if opened % 10:
                        client.close()
                    else:
                        held.append(client)
                        client.send(WHOLE[:20])
                while len(held) > 2 * PER_CLIENT:
                    held.pop(0).close()
        finally:
            for client in held:
                client.close()
        self.assertTrue(scrape().startswith(b"HTTP/1.1 200"), f"after {opened} connections")
        self.assertGreater(opened, 2 * PER_CLIENT)

    def test_slowloris_from_many_addresses_does_not_shut_others_out(self):
        _, address, watch = self.start_plain()
        with watch.attack():
            clients = self.clients(address, 5 * PER_CLIENT, 5)
            end = time.monotonic() + 12  # longer than the idle timeout
            request = WHOLE[:-4] + b"\r\nX-Slow: "
            sent = 0
            while time.monotonic() < end:
                for number, client in enumerate(clients):
                    if not client.send(request[sent:sent + 1] or b"x"):
                        client.close()
                        clients[number] = Client(address, attacker(number % 5))
                sent += 1
                time.sleep(0.1)
            for client in clients:
                client.close()
        self.assertGreater(self.counts(address).total("tcpperf_http_connections_evicted_total"), 0)

    def test_slowloris_from_the_scrapers_own_address_makes_room(self):
        _, address, watch = self.start_plain()
        clients = []
        self.addCleanup(lambda: [client.close() for client in clients])
        for _ in range(PER_CLIENT):
            clients.append(Client(address, "127.0.0.1"))
            clients[-1].send(b"GET /metrics HTTP/1.1\r\nHo")
        with watch.attack():
            for _ in range(30):
                for client in clients:
                    client.send(b"o")
                time.sleep(0.1)
            for client in clients:
                client.close()

    def test_half_heads_that_are_renewed_from_more_addresses_than_there_are_places(self):
        _, address, watch = self.start_plain()
        places = {}
        self.addCleanup(lambda: [client.close() for client, _ in places.values()])
        with watch.attack():
            for number in range(CONNECTIONS - 10):  # and those that had an answer once, so that they are kept
                places[number] = (Client(address, attacker(number)), time.monotonic() + 60)
                places[number][0].send(WHOLE.replace(b"/metrics", b"/-/ready"))
            end = time.monotonic() + 8
            while time.monotonic() < end:
                for number in range(200):
                    client, until = places.get(number, (None, 0))
                    if time.monotonic() > until:
                        if client:
                            client.close()
                        places[number] = (Client(address, attacker(number)), time.monotonic() + 1.7)
                        places[number][0].send(b"GET")
                time.sleep(0.05)
            for client, _ in places.values():
                client.close()

    def test_a_scrape_gets_through_when_others_have_taken_all_descriptors(self):
        daemon, address, watch = self.start_plain()
        limit = watch.descriptors() + 40
        run("prlimit", "--pid", daemon.pid, f"--nofile={limit}:{limit}")
        with watch.attack():
            clients = self.clients(address, 100, 100)
            end = time.monotonic() + 5
            while time.monotonic() < end:
                for number, client in enumerate(clients):
                    if not client.send(b"x"):
                        client.close()
                        clients[number] = Client(address, attacker(number))
                time.sleep(0.1)
            for client in clients:
                client.close()
        self.assertEqual(daemon.count("cannot take a connection: Too many open files; others were ended for it"), 1)

    def test_clients_that_never_read(self):
        _, address, watch = self.start_plain()
        with watch.attack():
            clients = self.clients(address, 5 * PER_CLIENT, 5, receive_buffer=4096)
            for _ in range(30):
                for client in clients:
                    client.socket.setblocking(False)
                    with contextlib.suppress(OSError):
                        client.socket.send(WHOLE * 20)
                time.sleep(0.1)
            for client in clients:
                client.close()

    def test_half_closed_clients_get_their_page_or_their_end(self):
        _, address, watch = self.start_plain()
        with watch.attack():
            whole, half = 0, 0
            for number in range(100):
                client = Client(address, attacker(number))
                client.send(WHOLE if number % 2 else WHOLE[:20])
                client.socket.shutdown(socket.SHUT_WR)
                answer = client.read()
                whole += answer.startswith(b"HTTP/1.1 200")
                half += answer == b""
                client.close()
        self.assertGreaterEqual(half, 50)
        self.assertEqual(whole + half, 100)


class TlsAttacks(AttackTest):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder)
        self.authority.sign("server", rsa=True)
        web = self.folder / "web.yaml"
        web.write_text(json.dumps({"tls_server_config": {"cert_file": "server.pem", "key_file": "server.key"}}))
        self.daemon = self.start(quiet_config(), ready=False, arguments=(f"--web.config.file={web}",))
        self.address = self.daemon.addresses()[0]
        self.context = ssl.create_default_context(cafile=self.authority.certificate)
        self.watch = Watch(self, self.daemon, self.scrape)

    def scrape(self):
        source = ("127.0.0.1", 0)
        with socket.create_connection(self.address, timeout=SCRAPER_PATIENCE, source_address=source) as plain, \
                self.context.wrap_socket(plain, server_hostname="localhost") as client:
            return self.complete_page(client)

    def hello(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        return outgoing.read()

    def unanswered(self):
        page = metrics.parse(self.scrape().decode())
        return sum(page.total(f"tcpperf_http_connections_{kind}_total") for kind in ("unanswered", "refused"))

    def test_handshakes_begun_and_abandoned(self):
        hello = self.hello()
        before, made = self.unanswered(), 0
        with self.watch.attack(tls=True):
            held = []
            self.addCleanup(lambda: [client.close() for client in held])
            for number in range(5 * PER_CLIENT):
                held.append(Client(self.address, attacker(number % 5)))
                held[-1].send(hello if number % 2 else hello[:50])
            end = time.monotonic() + 6
            while time.monotonic() < end:
                client = Client(self.address, attacker(made % 3 + 10))
                client.send(hello)
                if made % 2:
                    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()
                made += 1
            for client in held:
                client.close()
        self.assertGreaterEqual(self.unanswered() - before, made, "each of them is counted")

    def test_junk_and_plain_http_on_the_tls_port(self):
        random.seed(11)
        hello = self.hello()
        before, made = self.unanswered(), 0
        with self.watch.attack(tls=True):
            for _ in range(60):
                for data in (WHOLE, random.randbytes(600), hello[:-20] + random.randbytes(20),
                             b"\x16\x03\x01\xff\xff" + random.randbytes(2000),
                             b"\x16\x03\x01\x00\x05\x01\xff\xff\xff\x00"):
                    client = Client(self.address, attacker(0))
                    client.send(data)
                    client.close()
                    made += 1
        self.assertGreaterEqual(self.unanswered() - before, made, "each of them is counted")

    def test_sessions_that_are_set_up_and_left(self):
        with self.watch.attack(tls=True):
            held = []
            self.addCleanup(lambda: [client.close() for client in held])
            end = time.monotonic() + 6
            number = 0
            while time.monotonic() < end:
                number += 1
                plain = socket.create_connection(self.address, timeout=5, source_address=(attacker(number % 5), 0))
                with contextlib.suppress(OSError):
                    held.append(self.context.wrap_socket(plain, server_hostname="localhost"))
                    held[-1].sendall(WHOLE[:30])
                plain.close()
            for client in held:
                client.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
