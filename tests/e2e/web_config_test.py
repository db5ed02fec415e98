#!/usr/bin/env python3
"""The web configuration file: what it accepts, against promtool; what it does, against curl, openssl and a real
Prometheus."""
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import unittest

import metrics
from certificates import Authority, bcrypt
from harness import TCPPERFD, EndToEndTest, Program, free_port, quiet_config, run, tool, wait_until
from privileges_test import as_nobody
from prometheus_test import Prometheus

PAIR = "cert_file: server.pem, key_file: server.key"
HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"

# Files on which promtool and tcpperfd agree.
ACCEPTED = {
    "nothing": "",
    "a certificate": f"tls_server_config: {{{PAIR}}}",
    "an RSA certificate": "tls_server_config: {cert_file: rsa.pem, key_file: rsa.key}",
    "an empty TLS section": "tls_server_config: {}",
    "all of TLS": f"""tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  min_version: TLS10
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [X25519, CurveP256, CurveP384, CurveP521]""",
    "HTTP": """http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=1
    X-Content-Type-Options: nosniff
    X-Frame-Options: deny
    X-XSS-Protection: "0"
    Content-Security-Policy: default-src 'self'""",
    "users": f"basic_auth_users: {{a: {HASH}, 'b c': {HASH.replace('2y', '2a')}, d: {HASH.replace('2y', '2b')}}}",
    "no users": "basic_auth_users:",
    "nothing in every place": f"""tls_server_config:
  {PAIR.replace(', ', chr(10) + '  ')}
  client_auth_type: ""
  client_ca_file: ""
  cipher_suites:
  curve_preferences: []
http_server_config:
  headers: {{Content-Security-Policy: , X-XSS-Protection: ""}}
basic_auth_users:""",
}
ACCEPTED.update({f"http2: {word}": f"http_server_config: {{http2: {word}}}" for word in (
    "yes", "No", "ON", "off", "True", "FALSE", "y", "n", "")})
ACCEPTED.update({f"client_auth_type {kind}": f"tls_server_config: {{{PAIR}, client_auth_type: {kind}}}" for kind in (
    "NoClientCert", "RequestClientCert", "RequireAnyClientCert", "RequireClientCert", "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert")})
REFUSED = {
    "an unknown key": "tls: {}",
    "an unknown key of TLS": f"tls_server_config: {{{PAIR}, cert_files: x}}",
    "no key": "tls_server_config: {cert_file: server.pem}",
    "no certificate": "tls_server_config: {key_file: server.key}",
    "a key that is not there": "tls_server_config: {cert_file: server.pem, key_file: none.key}",
    "a key of another certificate": "tls_server_config: {cert_file: server.pem, key_file: rsa.key}",
    "a certificate that is none": "tls_server_config: {cert_file: server.key, key_file: server.key}",
    "an unknown client_auth_type": f"tls_server_config: {{{PAIR}, client_auth_type: Sometimes}}",
    "a CA without a client_auth_type": f"tls_server_config: {{{PAIR}, client_ca_file: ca.pem}}",
    "a CA that is not there": f"tls_server_config: {{{PAIR}, client_auth_type: RequestClientCert, client_ca_file: x}}",
    "an unknown version": f"tls_server_config: {{{PAIR}, min_version: SSL30}}",
    "an unknown cipher": f"tls_server_config: {{{PAIR}, cipher_suites: [TLS_NULL]}}",
    "an insecure cipher": f"tls_server_config: {{{PAIR}, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}}",
    "an unknown curve": f"tls_server_config: {{{PAIR}, curve_preferences: [CurveP224]}}",
    "an unknown header": "http_server_config: {headers: {X-Mine: a}}",
    "a value that a header has not": "http_server_config: {headers: {X-Frame-Options: sometimes}}",
    "a password": "basic_auth_users: {a: secret}",
    "a hash that is too short": f"basic_auth_users: {{a: {HASH[:50]}}}",
    "a hash of another kind": "basic_auth_users: {a: $6$abcdefgh$" + "x" * 86 + "}",
    "a cost that is too low": f"basic_auth_users: {{a: {HASH.replace('$10$', '$03$')}}}",
    "a user twice": f"basic_auth_users: {{a: {HASH}, a: {HASH}}}",
    "a list": "- a",
    "an empty header that has values": 'http_server_config: {headers: {X-Frame-Options: ""}}',
    "nothing for a header that has values": "http_server_config: {headers: {X-Frame-Options: }}",
    "a boolean in quotes": 'http_server_config: {http2: "false"}',
    "no YAML": "{",
}
# Where we differ, and why.
ONLY_OURS = {  # newer than Debian's promtool
    "a rate limit": "rate_limit: {interval: 1s, burst: 20}",
    "no rate limit": "rate_limit: {interval: 0, burst: 0}",
    "names of clients": f"tls_server_config: {{{PAIR}, client_auth_type: RequireAnyClientCert, "
                        "client_allowed_sans: [a.example, 192.0.2.1]}",
    "intervals of Go": "rate_limit: {interval: 1m1.5s, burst: 1}",
}
ONLY_PROMTOOLS = {
    # It serves without TLS then, which nobody wants who wrote this.
    "TLS without a certificate": "tls_server_config: {min_version: TLS13}",
    # No client could ever connect.
    "no version left": f"tls_server_config: {{{PAIR}, min_version: TLS13, max_version: TLS12}}",
    "a CA file without a CA": f"tls_server_config: {{{PAIR}, client_auth_type: RequireAndVerifyClientCert, "
                              "client_ca_file: server.key}",
    # What GnuTLS cannot express.
    "a list of suites that is no product": f"tls_server_config: {{cert_file: rsa.pem, key_file: rsa.key, "
                                           "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "
                                           "TLS_RSA_WITH_AES_256_GCM_SHA384]}",
    # It could not be sent.
    "a control character in a header": 'http_server_config: {headers: {X-XSS-Protection: "0\\r"}}',
    # A check would take a minute.
    "a cost of 20": f"basic_auth_users: {{a: {HASH.replace('$10$', '$20$')}}}",
    # What no program prints any more.
    "a hash with a tail": f"basic_auth_users: {{a: {HASH}x}}",
    "a hash of an old kind": f"basic_auth_users: {{a: {HASH.replace('$2y$', '$2x$')}}}",
    "too many users": "basic_auth_users:\n" + "".join(f"  u{number}: {HASH}\n" for number in range(257)),
    # It reads the first.
    "two documents": "---\n---\nx: 1\n",
    # TLS 1.2 or 1.3 would have no suite.
    "only suites of TLS 1.3": f"tls_server_config: {{{PAIR}, cipher_suites: [TLS_AES_128_GCM_SHA256]}}",
    "only suites of another key": f"tls_server_config: {{{PAIR}, "
                                  "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}",
    "only CBC": f"tls_server_config: {{{PAIR}, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA]}}",
}
REFUSED["names of clients, and no name"] = (
    f"tls_server_config: {{{PAIR}, client_auth_type: RequireAnyClientCert, client_allowed_sans: []}}")


class WebConfigTest(EndToEndTest):
    """A folder with certificates, and a daemon that uses them."""

    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder)
        self.authority.sign("server")
        self.file = self.folder / "web.yaml"

    def write(self, config):
        self.file.write_text(config if isinstance(config, str) else json.dumps(config))

    def start_web(self, config, **options):
        self.write(config)
        options.setdefault("arguments", ())
        options["arguments"] = (*options["arguments"], f"--web.config.file={self.file}")
        daemon = self.start(quiet_config(), ready=False, **options)
        daemon.wait_for_line("probes measuring")
        return daemon

    def curl(self, daemon, *arguments, path="/metrics", scheme="https", check=True):
        """Exit code, status and body."""
        port = daemon.addresses()[0][1]
        done = subprocess.run(
            [tool("curl"), "--silent", "--max-time", "30", "--cacert", str(self.authority.certificate),
             "--write-out", "\n%{http_code}", *map(str, arguments), f"{scheme}://localhost:{port}{path}"],
            capture_output=True, text=True, timeout=60)
        body, _, status = done.stdout.rpartition("\n")
        if check:
            self.assertEqual(done.returncode, 0, f"curl {arguments}: {done.stderr}")
        return done.returncode, int(status), body

    def metrics(self, daemon, *arguments):
        return metrics.parse(self.curl(daemon, *arguments)[2])


class Accepted(WebConfigTest):
    def verdicts(self, text):
        """Whether promtool and whether tcpperfd accepts it, and what the latter says."""
        self.write(text)
        promtool = run("promtool", "check", "web-config", self.file, check=False)
        main = self.folder / "tcpperf.yaml"
        main.write_text(json.dumps(quiet_config()))
        ours = subprocess.run([TCPPERFD, "--config.check", f"--config.file={main}", f"--web.config.file={self.file}"],
                              capture_output=True, text=True, timeout=30)
        self.assertIn(ours.returncode, (0, 1), ours.stderr)
        return promtool.returncode == 0, ours.returncode == 0, ours.stdout + ours.stderr

    def test_what_promtool_accepts_is_accepted_and_what_it_refuses_is_refused(self):
        self.authority.sign("rsa", rsa=True)
        table = {(True, True): ACCEPTED, (False, False): REFUSED, (False, True): ONLY_OURS,
                 (True, False): ONLY_PROMTOOLS}
        for (promtools, ours), files in table.items():
            for name, text in files.items():
                with self.subTest(name):
                    *verdicts, said = self.verdicts(text)
                    self.assertEqual(verdicts, [promtools, ours], said)
                    if not ours:
                        for line in said.splitlines():
                            if line.startswith(str(self.file)):
                                self.assertRegex(line, r"web\.yaml:\d+:\d+: ")
                                self.assertNotIn(HASH[8:40], line, "a hash is nearly a password")

    def test_a_certificate_may_stand_in_the_file_itself(self):
        certificate, key = self.authority.sign("inline")
        daemon = self.start_web({"tls_server_config": {"cert": certificate.read_text(), "key": key.read_text()}})
        self.assertEqual(self.curl(daemon)[1], 200)

    def test_errors_name_the_place_and_what_to_do(self):
        for text, expected in {
            f"tls_server_config:\n  {PAIR.replace(', ', chr(10) + '  ')}\n  mn_version: TLS12":
                r":4:3: tls_server_config: unknown key 'mn_version'; did you mean 'min_version'\?",
            "tls_server_config:\n  cert_file: server.pem\n  key_file: none.key":
                r":3:13: tls_server_config\.key_file: open .*none\.key: No such file or directory",
            "basic_auth_users:\n  ann: secret":
                r":2:8: basic_auth_users\.ann: expected a bcrypt hash of 60 characters .*htpasswd",
        }.items():
            with self.subTest(text):
                self.assertRegex(self.verdicts(text)[2], expected)


class Tls(WebConfigTest):
    def test_versions_are_those_that_the_file_allows(self):
        tls = {"cert_file": "server.pem", "key_file": "server.key"}
        spoken = {"1.2": ("--tlsv1.2", "--tls-max", "1.2"), "1.3": ("--tlsv1.3", "--tls-max", "1.3")}
        for limits, expected in (({}, {"1.2", "1.3"}), ({"min_version": "TLS13"}, {"1.3"}),
                                 ({"max_version": "TLS12"}, {"1.2"})):
            with self.subTest(limits):
                daemon = self.start_web({"tls_server_config": {**tls, **limits}})
                got = {version for version, flags in spoken.items() if self.curl(daemon, *flags, check=False)[0] == 0}
                self.assertEqual(got, expected)
                daemon.end()

    def connect(self, daemon, *arguments):
        """What openssl says of a handshake."""
        port = daemon.addresses()[0][1]
        return run("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", self.authority.certificate,
                   *arguments, check=False, input="").stdout

    def test_ciphers_and_curves_are_those_of_the_file(self):
        daemon = self.start_web({"tls_server_config": {
            "cert_file": "server.pem", "key_file": "server.key", "curve_preferences": ["CurveP384"],
            "cipher_suites": ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]}})
        said = self.connect(daemon, "-tls1_2")
        self.assertIn("Cipher is ECDHE-ECDSA-AES256-GCM-SHA384", said)
        self.assertRegex(said, r"Server Temp Key: ECDH, (secp384r1|P-384)")
        self.assertIn("Cipher is TLS_AES_256_GCM_SHA384", self.connect(daemon, "-tls1_3"))
        self.assertIn("Cipher is (NONE)", self.connect(daemon, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"))
        self.assertIn("Cipher is (NONE)", self.connect(daemon, "-tls1_3", "-curves", "X25519"))

    def test_old_versions_are_spoken_where_the_file_says_so(self):
        daemon = self.start_web({"tls_server_config": {
            "cert_file": "server.pem", "key_file": "server.key", "min_version": "TLS10"}})
        self.assertRegex(self.connect(daemon, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"), r"Protocol *: TLSv1\.1")

    def test_each_kind_of_client_authentication_admits_whom_it_should(self):
        other = Authority(self.folder, "other")
        mine = self.authority.sign("mine", "DNS:scraper.example", purpose="clientAuth")
        foreign = other.sign("foreign", "DNS:scraper.example", purpose="clientAuth")
        nameless = self.authority.sign("nameless", "DNS:somebody.example", purpose="clientAuth")
        server = self.authority.sign("as-client", "DNS:scraper.example", purpose="serverAuth")
        clients = {"none": None, "mine": mine, "foreign": foreign, "nameless": nameless, "server": server}
        everybody = set(clients)
        verified = {"mine", "nameless"}
        for kind, sans, expected in (
                ("NoClientCert", None, everybody), ("RequestClientCert", None, everybody),
                ("RequireAnyClientCert", None, everybody - {"none"}),
                ("VerifyClientCertIfGiven", None, verified | {"none"}),
                ("RequireAndVerifyClientCert", None, verified),
                ("RequireAnyClientCert", ["scraper.example"], {"mine", "foreign", "server"}),
                ("RequireAndVerifyClientCert", ["scraper.example", "192.0.2.7"], {"mine"})):
            with self.subTest(kind=kind, sans=sans):
                tls = {"cert_file": "server.pem", "key_file": "server.key", "client_auth_type": kind}
                if kind != "NoClientCert":
                    tls["client_ca_file"] = "ca.pem"
                if sans:
                    tls["client_allowed_sans"] = sans
                daemon = self.start_web({"tls_server_config": tls})
                admitted = set()
                for name, pair in clients.items():
                    flags = ("--cert", pair[0], "--key", pair[1]) if pair else ()
                    if self.curl(daemon, *flags, check=False)[:2] == (0, 200):
                        admitted.add(name)
                self.assertEqual(admitted, expected)
                daemon.end()

    def test_plain_http_on_the_tls_port_gets_nothing(self):
        daemon = self.start_web({"tls_server_config": {"cert_file": "server.pem", "key_file": "server.key"}})
        self.assertNotEqual(self.curl(daemon, scheme="http", check=False)[0], 0)
        before = self.metrics(daemon).total("tcpperf_http_connections_unanswered_total")
        self.assertGreaterEqual(before, 1)

    def test_a_key_that_the_daemon_may_not_read_ends_the_start_with_one_line(self):
        (self.folder / "server.key").chmod(0o600)
        self.write({"tls_server_config": {"cert_file": "server.pem", "key_file": "server.key"}})
        self.file.chmod(0o644)
        program = self.folder / "tcpperfd"
        shutil.copy(TCPPERFD, program)
        daemon = self.start(quiet_config(), ready=False, program=program, prefix=as_nobody("bpf", "perfmon"),
                            arguments=(f"--web.config.file={self.file}",))
        self.assertEqual(daemon.wait(), 1)
        self.assertEqual(len(daemon.lines), 1, daemon.said())
        self.assertRegex(daemon.lines[0], r"error: .*web\.yaml:1:\d+: tls_server_config\.key_file: open .*server\.key: "
                                          "Permission denied")


class Users(WebConfigTest):
    def test_only_who_knows_a_password_gets_a_page(self):
        daemon = self.start_web({"basic_auth_users": {"ann": bcrypt("secret"), "bob": bcrypt("other:word")},
                                 "http_server_config": {"headers": {"X-Frame-Options": "deny"}}})
        right = ("ann:secret", "bob:other:word")
        for user in (*right, *right):
            self.assertEqual(self.curl(daemon, "-u", user, scheme="http")[1], 200, user)
        for user in ("ann:other:word", "ann:", "ann:secret2", "eve:secret", ":", "ann:secret\n"):
            for _ in range(2):
                self.assertEqual(self.curl(daemon, "-u", user, scheme="http")[1], 401, user)
        for header in ("Basic", "Basic ", "Basic !!!!", "Basic YW5u", "Bearer x", "Basic " + "A" * 9999):
            self.assertEqual(self.curl(daemon, "-H", f"Authorization: {header}", scheme="http")[1], 401, header)
        self.assertEqual(self.curl(daemon, scheme="http", path="/-/healthy")[1], 401)
        head = self.curl(daemon, "-i", scheme="http")[2]
        self.assertIn("WWW-Authenticate: Basic", head)
        self.assertIn("X-Frame-Options: deny", head)
        done = self.curl(daemon, "-u", "ann:secret", scheme="http")[2]
        self.assertEqual(metrics.parse(done).total("tcpperf_http_responses_total", code="401"), 20)

    def test_a_user_who_is_renamed_gets_in_although_the_new_name_was_tried_before(self):
        secret = bcrypt("secret")
        daemon = self.start_web({"basic_auth_users": {"prom": secret}})
        mine = ("-u", "prometheus:secret")
        self.assertEqual(self.curl(daemon, *mine, scheme="http")[1], 401)
        self.write({"basic_auth_users": {"prometheus": secret}})
        wait_until(lambda: self.curl(daemon, *mine, scheme="http")[1] == 200, "the new name is good")

    def test_a_zero_byte_does_not_cut_a_password_short(self):
        daemon = self.start_web({"basic_auth_users": {"ann": bcrypt("secret")}})
        self.assertEqual(self.curl(daemon, "-H", "Authorization: Basic YW5uOnNlY3JldAB4", scheme="http")[1], 401)

    def test_a_rate_limit_answers_429(self):
        daemon = self.start_web({"rate_limit": {"interval": "1h", "burst": 3}})
        statuses = [self.curl(daemon, scheme="http")[1] for _ in range(5)]
        self.assertEqual(statuses, [200, 200, 200, 429, 429])


class Change(WebConfigTest):
    def serial(self, daemon):
        port = daemon.addresses()[0][1]
        said = run("openssl", "s_client", "-connect", f"127.0.0.1:{port}", input="").stdout
        return run("openssl", "x509", "-noout", "-serial", input=said).stdout

    def test_a_renewed_certificate_is_used_without_a_signal_and_a_broken_one_is_not(self):
        daemon = self.start_web({"tls_server_config": {"cert_file": "server.pem", "key_file": "server.key"}})
        first = self.serial(daemon)
        certificate, key = self.authority.sign("next")
        os.replace(key, self.folder / "server.key")
        os.replace(certificate, self.folder / "server.pem")
        wait_until(lambda: self.serial(daemon) != first, "the new certificate is served")
        second = self.serial(daemon)
        name = "tcpperf_web_config_last_reload_successful"
        wait_until(lambda: self.metrics(daemon).total(name) == 1, "the reload has succeeded")

        (self.folder / "server.pem").write_text("junk")
        wait_until(lambda: self.metrics(daemon).total(name) == 0, "the broken certificate is noticed")
        logged = daemon.count("web configuration not reloaded")
        for _ in range(3):
            self.assertEqual(self.serial(daemon), second)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_line("configuration reloaded: ")
        self.assertEqual(self.serial(daemon), second)
        self.assertEqual(daemon.count("web configuration not reloaded"), logged + 1, "once each: file, signal")
        self.assertEqual(self.metrics(daemon).total("tcpperf_config_last_reload_successful"), 1)

    def test_users_change_while_a_connection_is_open_and_tls_only_with_a_restart(self):
        daemon = self.start_web({})
        connection = http.client.HTTPConnection(*daemon.addresses()[0], timeout=20)
        self.addCleanup(connection.close)

        def status():
            connection.request("GET", "/-/ready")
            answer = connection.getresponse()
            answer.read()
            return answer.status
        self.assertEqual(status(), 200)
        self.write({"basic_auth_users": {"ann": bcrypt("secret")}})
        wait_until(lambda: status() == 401, "the new user is asked for")
        self.write({"tls_server_config": {"cert_file": "server.pem", "key_file": "server.key"}})
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_line("switching TLS on or off takes a restart")
        self.assertEqual(status(), 401)

    def test_a_file_that_has_lost_all_users_opens_nothing(self):
        daemon = self.start_web({"basic_auth_users": {"ann": bcrypt("secret")}})
        mine = ("-u", "ann:secret")
        name = "tcpperf_web_config_last_reload_successful"

        def successful():
            self.assertEqual(self.curl(daemon, scheme="http", check=False)[1], 401)
            return metrics.parse(self.curl(daemon, *mine, scheme="http")[2]).total(name)
        self.write("")  # as when the disk is full
        wait_until(lambda: successful() == 0, "the loss is noticed")
        daemon.wait_for_line("doing without passwords takes a restart")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_line("configuration reloaded: ")
        self.assertEqual(successful(), 0)
        self.assertEqual(daemon.count("doing without passwords"), 2, "once each: file, signal")
        self.write({"basic_auth_users": {"bob": bcrypt("other")}})
        wait_until(lambda: self.curl(daemon, "-u", "bob:other", scheme="http", check=False)[1] == 200,
                   "another user is one too")

    def test_a_file_that_asks_less_of_clients_opens_nothing(self):
        mine = self.authority.sign("mine", "DNS:scraper.example", purpose="clientAuth")
        full = ["tls_server_config:", "  cert_file: server.pem", "  key_file: server.key",
                "  client_auth_type: RequireAndVerifyClientCert", "  client_ca_file: ca.pem",
                "  client_allowed_sans: [scraper.example]", ""]
        daemon = self.start_web("\n".join(full))
        name = "tcpperf_web_config_last_reload_successful"

        def successful():
            self.assertNotEqual(self.curl(daemon, check=False)[0], 0, "nobody gets in without a certificate")
            return self.metrics(daemon, "--cert", mine[0], "--key", mine[1]).total(name)
        for said, lines in (("a weaker client_auth_type than before", full[:3]),  # cut short
                            ("no client_allowed_sans any more", full[:4]),
                            ("no client CAs any more", [line for line in full if "client_ca_file" not in line]),
                            ("a weaker client_auth_type than before", [
                                line.replace("RequireAndVerify", "RequireAny") for line in full])):
            with self.subTest(said):
                self.write("\n".join(lines))
                wait_until(lambda: successful() == 0, "the loss is noticed")
                daemon.wait_for_line(f"{said}.* takes a restart")
                self.write("\n".join(full))
                wait_until(lambda: successful() == 1, "the whole file is good again")

    def test_a_web_file_is_checked_alone_where_no_other_is_named(self):
        self.write({"basic_auth_users": {"ann": bcrypt("secret")}})
        for text, code in ((None, 0), ("basic_auth_users: {ann: secret}", 1)):
            if text:
                self.write(text)
            done = subprocess.run([TCPPERFD, "--config.check", f"--web.config.file={self.file}"], capture_output=True,
                                  text=True, timeout=30)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn("web.yaml: good" if code == 0 else "web.yaml:1:", done.stdout + done.stderr)
            self.assertNotIn("No such file", done.stderr)


class Scraper(WebConfigTest):
    def test_a_real_prometheus_scrapes_over_tls_with_a_password_and_a_client_certificate(self):
        certificate, key = self.authority.sign("prometheus", "DNS:prometheus.example", purpose="clientAuth")
        daemon = self.start_web({
            "tls_server_config": {"cert_file": "server.pem", "key_file": "server.key", "client_ca_file": "ca.pem",
                                  "client_auth_type": "RequireAndVerifyClientCert",
                                  "client_allowed_sans": ["prometheus.example"]},
            "basic_auth_users": {"prometheus": bcrypt("secret", cost=10)}})
        port = daemon.addresses()[0][1]
        prometheus = Prometheus(self, f"localhost:{port}", {
            "scheme": "https", "basic_auth": {"username": "prometheus", "password": "secret"},
            "tls_config": {"ca_file": str(self.authority.certificate), "cert_file": str(certificate),
                           "key_file": str(key)}})
        prometheus.scraped('count_over_time(up{job="tcpperf"}[1m]) >= 5', "five scrapes")
        self.assertEqual((prometheus.target()["health"], prometheus.target()["lastError"]), ("up", ""))
        self.assertEqual(prometheus.query('min_over_time(up{job="tcpperf"}[1m])'), [1])
        self.assertEqual(prometheus.query('tcpperf_http_responses_total{code="401"}'), [0])


class Activation(EndToEndTest):
    """Sockets from systemd."""

    def serve(self, *listen, arguments=()):
        config = self.folder / "tcpperf.yaml"
        config.write_text(json.dumps(quiet_config()))
        program = Program(tool("systemd-socket-activate"), *(f"--listen={each}" for each in listen), TCPPERFD,
                          f"--config.file={config}", "--web.systemd-socket", *arguments)
        self.addCleanup(program.end)
        return program

    def test_the_sockets_of_systemd_are_served(self):
        port = free_port()
        local = self.folder / "tcpperf.sock"
        program = self.serve(f"127.0.0.1:{port}", local)
        program.wait_for_line("Listening on")
        for where in ((f"http://127.0.0.1:{port}/-/ready",), ("--unix-socket", local, "http://localhost/-/ready")):
            self.assertEqual(run("curl", "--silent", "--fail", "--max-time", "60", "--retry", "5", *where).stdout,
                             "tcpperfd is ready.\n")
        program.wait_for_line(rf"serves http://127\.0\.0\.1:{port}/metrics")
        program.wait_for_line(rf"serves /metrics on {re.escape(str(local))}")

    def test_without_them_one_line_says_what_to_do(self):
        daemon = self.start(quiet_config(), ready=False, listen=(), arguments=("--web.systemd-socket",))
        self.assertEqual(daemon.wait(), 1)
        self.assertEqual(daemon.count("error: no socket was handed over; start tcpperf.socket"), 1, daemon.said())

    def test_an_address_beside_them_is_wrong_usage(self):
        daemon = self.start(quiet_config(), ready=False, arguments=("--web.systemd-socket",))
        self.assertEqual(daemon.wait(), 2)
        self.assertIn("leave --web.listen-address out", daemon.said())


if __name__ == "__main__":
    unittest.main(verbosity=2)
