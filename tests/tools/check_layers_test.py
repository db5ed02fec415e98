#!/usr/bin/env python3
"""The layer check finds each kind of breach in a small tree, and nothing in a clean one."""
import pathlib
import tempfile
import unittest

from check_layers import Checker

CLEAN = {
    "bpf/abi/types.h": "typedef unsigned int u32;\n",
    "bpf/abi/histogram.h": '#include "types.h"\n',
    "bpf/kernel_types.h": "struct sock;\n",
    "bpf/lib/flow.bpf.h": '#include <bpf/bpf_helpers.h>\n#include "abi/types.h"\nstruct {} flows SEC(".maps");\n',
    "bpf/probes/rtt.bpf.h": '#include "lib/flow.bpf.h"\nstruct {} rtt SEC(".maps");\n',
    "bpf/probes/drops.bpf.h": '#include "lib/flow.bpf.h"\n',
    "bpf/hooks/ack.bpf.c": '#include "probes/rtt.bpf.h"\n#include "probes/drops.bpf.h"\nSEC("tp_btf/ack") int f;\n',
    "bpf/hooks/drop.bpf.c": '#include "probes/drops.bpf.h"\nSEC("tp_btf/kfree_skb") int g;\n',
    "bpf/tcpperf.bpf.c": '#include "hooks/ack.bpf.c"\n#include "hooks/drop.bpf.c"\nchar l[] SEC("license") = "GPL";\n',
    "daemon/core/histogram.h": '#pragma once\n#include <vector>\n#include "abi/histogram.h"\n',
    "daemon/core/cidr.cpp": "#include <arpa/inet.h>\n",
    "daemon/config/parse.cpp": '#include <yaml-cpp/yaml.h>\n#include "core/histogram.h"\n',
    "daemon/probes/rtt.cpp": '#include "core/histogram.h"\n#include "abi/types.h"\n',
    "daemon/adapters/http/server.h": '#pragma once\n#include "core/histogram.h"\n',
    "daemon/adapters/http/server.cpp": '#include "server.h"\n#include <microhttpd.h>\n#include <sys/socket.h>\n'
                                       "auto deadline = std::chrono::steady_clock::now();\n",
    "daemon/adapters/sinks/file.h": "#pragma once\n",
    "daemon/app/main.cpp": '#include "adapters/http/server.h"\n#include "probes/rtt.cpp"\n#include <spdlog/spdlog.h>\n'
                           "auto t = std::chrono::system_clock::now();\n",
}

# (file, its text, the line of the breach, words of the message)
BREACHES = [
    ("daemon/core/bad.cpp", "#include <bpf/libbpf.h>\n", 1, "may not use libbpf"),
    ("daemon/core/bad.cpp", "#include <vector>\n#include <fstream>\n", 2, "is pure"),
    ("daemon/core/bad.cpp", "#include <thread>\n", 1, "is pure"),
    ("daemon/core/bad.cpp", "#include <unistd.h>\n", 1, "the system's <unistd.h>"),
    ("daemon/core/bad.cpp", "#include <spdlog/spdlog.h>\n", 1, "may not use spdlog"),
    ("daemon/core/bad.cpp", '#include "adapters/http/server.h"\n', 1, "may not include daemon/adapters/http/server.h"),
    ("daemon/core/bad.cpp", '#include "../adapters/http/server.h"\n', 1, "may not include daemon/adapters/http"),
    ("daemon/core/bad.cpp", '#include "lib/flow.bpf.h"\n', 1, "may not include bpf/lib/flow.bpf.h"),
    ("daemon/core/bad.cpp", '#include "nowhere.h"\n', 1, "there is no"),
    ("daemon/core/bad.cpp", "#include <sqlite/orm.hpp>\n", 1, "no known library"),
    ("daemon/core/bad.cpp", "\nauto t = std::chrono::steady_clock::now();\n", 2, "reads a clock"),
    ("daemon/core/bad.cpp", "/* one\n two */ auto t = time(nullptr);\n", 2, "reads a clock"),
    ("daemon/config/bad.cpp", '#include "adapters/sinks/file.h"\n', 1, "may not include"),
    ("daemon/config/bad.cpp", "#include <prometheus/metric_family.h>\n", 1, "may not use prometheus-cpp"),
    ("daemon/probes/bad.cpp", '#include "tcpperf.skel.h"\n', 1, "may not use libbpf"),
    ("daemon/probes/bad.cpp", "#include <yaml-cpp/yaml.h>\n", 1, "may not use yaml-cpp"),
    ("daemon/adapters/http/bad.cpp", '#include "adapters/sinks/file.h"\n', 1, "may not include"),
    ("daemon/adapters/http/bad.cpp", '#include "probes/rtt.cpp"\n', 1, "may not include"),
    ("daemon/adapters/http/bad.cpp", "#include <curl/curl.h>\n", 1, "may not use libcurl"),
    ("daemon/adapters/http/bad.cpp", "#include <spdlog/spdlog.h>\n", 1, "may not use spdlog"),
    ("daemon/adapters/sinks/bad.cpp", "timespec t; int r = clock_gettime(CLOCK_REALTIME, &t);\n", 1, "reads a clock"),
    ("daemon/adapters/sinks/bad.cpp", "auto t = std::chrono::system_clock::now();\n", 1, "reads a clock"),
    ("daemon/config/bad.cpp", "timespec t; int r = clock_gettime(CLOCK_MONOTONIC, &t);\n", 1, "reads a clock"),
    ("daemon/adapters/new/bad.cpp", "\n", 1, "in no room"),
    ("daemon/app/bad.cpp", "#include <curl/curl.h>\n", 1, "may not use libcurl"),
    ("bpf/abi/bad.h", "#include <bpf/bpf_helpers.h>\n", 1, "may not use libbpf"),
    ("bpf/abi/bad.h", "#include <linux/tcp.h>\n", 1, "the system's"),
    ("bpf/lib/bad.bpf.h", '#include "probes/rtt.bpf.h"\n', 1, "may not include bpf/probes/rtt.bpf.h"),
    ("bpf/lib/bad.bpf.h", 'SEC("tp_btf/x") int f;\n', 1, "defines a program"),
    ("bpf/probes/bad.bpf.h", '#include "rtt.bpf.h"\n', 1, "do not know each other"),
    ("bpf/probes/bad.bpf.h", '#include "probes/rtt.bpf.h"\n', 1, "do not know each other"),
    ("bpf/probes/bad.bpf.h", '#include "hooks/ack.bpf.c"\n', 1, "may not include"),
    ("bpf/probes/bad.bpf.h", '\n\nSEC("raw_tp/x") int f;\n', 3, "defines a program"),
    ("bpf/hooks/bad.bpf.c", 'struct {} m SEC(".maps");\n', 1, "defines a map"),
    ("bpf/hooks/bad.bpf.c", '#include "hooks/ack.bpf.c"\n', 1, "do not know each other"),
]


def breaches_of(tree):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        for name, text in tree.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        checker = Checker(root)
        checker.run()
        return checker.breaches


class Layers(unittest.TestCase):
    def test_a_clean_tree_passes(self):
        self.assertEqual(breaches_of(CLEAN), [])

    def test_each_breach_is_found_where_it_is(self):
        for file, text, line, words in BREACHES:
            with self.subTest(file=file, text=text):
                found = breaches_of(CLEAN | {file: text})
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith(f"{file}:{line}: "), found[0])
                self.assertIn(words, found[0])

    def test_what_only_a_comment_says_is_no_breach(self):
        comment = '// clock::now() and SEC("tp_btf/x")\n/*\n#include <bpf/libbpf.h>\n*/\n'
        self.assertEqual(breaches_of(CLEAN | {"daemon/core/fine.cpp": comment}), [])


if __name__ == "__main__":
    unittest.main()
