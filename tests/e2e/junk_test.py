#!/usr/bin/env python3
"""What is no proper request, sent to a real daemon: it answers or hangs up, and everybody else gets his page meanwhile.
Short, so that it is run under sanitizers too.
"""
import random
import unittest

from attackers import WHOLE, AttackTest, Client, attacker


class Junk(AttackTest):
    def ask(self, address, data):
        client = Client(address, attacker(0))
        client.send(data)
        answer = client.read(2)
        client.close()
        return answer

    def test_heads_that_are_too_large(self):
        _, address, watch = self.start_plain()
        with watch.attack():
            for data, expected in (
                    (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 10_000_000 + b"\r\n\r\n", b" 431 "),
                    (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 100_000 + b"\r\n", b" 431 "),
                    (b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b" 414 "),
                    (b"GET /?" + b"x" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b" 414 ")):
                for _ in range(20):
                    # The server closes what it does not read, so its answer may be lost on the way.
                    self.assertIn(self.ask(address, data)[8:13], (expected, b""))
        self.assertGreater(self.counts(address).total("tcpperf_http_responses_total", code="431"), 0)

    def test_bodies_are_not_taken(self):
        _, address, watch = self.start_plain()
        with watch.attack():
            for head in (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n",
                         b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n",
                         b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n"):
                for _ in range(5):
                    client = Client(address, attacker(0))
                    client.send(head)
                    sent = 0
                    while sent < 200 and client.send(b"x" * 65536):
                        sent += 1
                    self.assertLess(sent, 200, "it was read")
                    client.close()

    def test_junk_of_every_kind(self):
        _, address, watch = self.start_plain()
        random.seed(7)
        kinds = [random.randbytes(1 + random.randrange(3000)) for _ in range(60)]
        kinds += [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(500), b"\r\n" * 10000,
                  b"\0" * 5000,
                  b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                  b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b" " * 70000,
                  b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
                  WHOLE * 3 + b"junk\r\n" * 100, b"X" * 10 + WHOLE, WHOLE + random.randbytes(3000) + WHOLE]
        with watch.attack():
            for data in kinds:
                client = Client(address, attacker(0))
                client.send(data)
                if data[:1] != b"\0":
                    client.read(0.05)
                client.close()
        for code in ("500", "503"):
            self.assertEqual(self.counts(address).total("tcpperf_http_responses_total", code=code), 0)

    def test_paths_that_try_tricks_lead_nowhere(self):
        _, address, watch = self.start_plain()
        expected = {
            b"//metrics": b"404", b"/metrics/": b"404", b"/./metrics": b"404", b"/x/../metrics": b"404",
            b"/../../etc/passwd": b"404", b"/%2e%2e/etc/passwd": b"404", b"/metrics%00": b"404", b"/%6detrics": b"404",
            b"/metrics\x01": b"400", b"/metrics\0": b"400", b"/metrics x": b"400", b"/metrics\xff": b"404",
            b"metrics": b"404", b"*": b"404", b"/metrics#x": b"404", b"/metrics;x": b"404",
            b"/metrics?x=%00&y": b"200", b"http://x/metrics": b"200",
            b"http://x:1/metrics?a": b"200", b"https://x": b"200", b"http:///metrics": b"200",
            b"ftp://x/metrics": b"404", b"/" + b"x" * 20000: b"404", b"/" + b"../" * 5000: b"404"}
        with watch.attack():
            for path, status in expected.items():
                with self.subTest(path[:40]):
                    answer = self.ask(address, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    self.assertEqual(answer[9:12], status)
                    if status == b"404":
                        self.assertNotIn(path[:60], answer.partition(b"\r\n\r\n")[2].replace(b"  /metrics\n", b""))

    def test_methods_besides_get_and_head_are_refused(self):
        _, address, watch = self.start_plain()
        with watch.attack():
            for method in (b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"PATCH", b"CONNECT", b"get", b"METRICS",
                           b"X" * 5000):
                answer = self.ask(address, method + b" /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                self.assertEqual(answer[9:12], b"405", method[:20])

    def test_pipelined_junk_behind_good_requests(self):
        _, address, watch = self.start_plain()
        with watch.attack():
            for _ in range(20):
                junk = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                answer = self.ask(address, WHOLE + junk + WHOLE)
                self.assertTrue(answer.startswith(b"HTTP/1.1 200"))
                self.assertIn(b"HTTP/1.1 405", answer)


if __name__ == "__main__":
    unittest.main(verbosity=2)
