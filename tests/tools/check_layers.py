#!/usr/bin/env python3
"""Who may include whom: the rooms of docs/ARCHITECTURE.md, read off the #include lines of bpf/ and daemon/.

Prints one line per breach, `file:line: what is wrong`, and ends with exit code 1 when there is one.

usage: check_layers.py [SOURCE_FOLDER]
"""
import dataclasses
import pathlib
import re
import sys

# Foreign libraries by the start of the included path.
LIBRARIES = {
    "libbpf": ("bpf/", "linux/bpf.h", "linux/btf.h"),
    "libmnl": ("libmnl/",),
    "libmicrohttpd": ("microhttpd.h",),
    "zlib": ("zlib.h",),
    "gnutls": ("gnutls/",),
    "libcrypt": ("crypt.h",),
    "prometheus-cpp": ("prometheus/",),
    "protozero": ("protozero/",),
    "muparser": ("muParser",),
    "libcurl": ("curl/",),
    "nlohmann-json": ("nlohmann/",),
    "libsystemd": ("systemd/",),
    "yaml-cpp": ("yaml-cpp/",),
    "spdlog": ("spdlog/", "fmt/"),
    "CLI11": ("CLI/",),
}

# Parts of the standard library and of the system that reach out into the world, which the pure rooms do not do.
WORLDLY = {
    "barrier", "condition_variable", "csignal", "filesystem", "fstream", "future", "iostream", "latch", "mutex",
    "semaphore", "shared_mutex", "stop_token", "syncstream", "thread",
}


@dataclasses.dataclass(frozen=True)
class Room:
    rooms: tuple = ()  # whose headers it may include, besides its own
    libraries: tuple = ()  # which foreign libraries it may include
    pure: bool = False  # the standard library only, and of that nothing worldly
    system: bool = True  # POSIX and Linux headers (never in a pure room)
    clocks: tuple = ()  # what it may read: "deadline" (a monotonic clock, for its own waiting), "wall"
    programs: bool = False  # may define BPF programs
    maps: bool = False  # may define BPF maps
    closed: bool = False  # its files may not include each other


def adapter(*libraries):
    return Room(rooms=("daemon/core", "bpf/abi"), libraries=libraries, clocks=("deadline",))


# System headers that only compute: text of an address to its bytes and back.
PURE_SYSTEM = {"arpa/inet.h"}

# By folder; the longest that fits counts.
ROOMS = {
    "bpf/abi": Room(system=False),
    "bpf/lib": Room(("bpf/abi", "bpf/kernel_types.h"), ("libbpf",), maps=True),
    "bpf/kernel_types.h": Room(("bpf/abi",), ("libbpf",)),
    "bpf/probes": Room(("bpf/lib", "bpf/abi", "bpf/kernel_types.h"), ("libbpf",), maps=True, closed=True),
    "bpf/hooks": Room(("bpf/probes", "bpf/lib", "bpf/abi", "bpf/kernel_types.h"), ("libbpf",), programs=True,
                      closed=True),
    # The one object file: all hooks put together.
    "bpf": Room(("bpf/hooks", "bpf/probes", "bpf/lib", "bpf/abi", "bpf/kernel_types.h"), ("libbpf",)),
    "daemon/core": Room(("bpf/abi",), pure=True),
    "daemon/config": Room(("daemon/core",), ("yaml-cpp",)),
    "daemon/probes": Room(("daemon/core", "bpf/abi"), pure=True),
    "daemon/adapters/bpf": adapter("libbpf"),
    "daemon/adapters/netlink": adapter("libmnl"),
    "daemon/adapters/procfs": adapter(),
    "daemon/adapters/exposition": adapter("prometheus-cpp", "protozero"),
    "daemon/adapters/http": adapter("libmicrohttpd", "zlib", "gnutls", "libcrypt"),
    "daemon/adapters/expression": adapter("muparser"),
    "daemon/adapters/sinks": adapter("libcurl", "nlohmann-json"),
    "daemon/adapters/systemd": adapter("libsystemd"),
    "daemon/app": Room(("bpf/abi", "daemon/"), ("spdlog", "CLI11", "nlohmann-json"), clocks=("deadline", "wall")),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CLOCKS = {
    "deadline": re.compile(r"(?<!system_clock)(?<!utc_clock)::now\s*\(|\bclock_gettime\s*\(\s*CLOCK_MONOTONIC"),
    "wall": re.compile(r"\b(system|utc)_clock::now\s*\(|\bclock_gettime\s*\((?!\s*CLOCK_MONOTONIC)|\bgettimeofday\s*\("
                       r"|\btime\s*\(\s*(nullptr|NULL|0)\s*\)"),
}
SECTION = re.compile(r'\bSEC\s*\(\s*"([^"]*)"')
NO_PROGRAM = ("license", "version", ".maps", ".rodata", ".data", ".bss", ".ksyms", ".kconfig")


def room_of(path):
    fitting = [folder for folder in ROOMS if path == folder or path.startswith(folder + "/")]
    return max(fitting, key=len, default=None)


def library_of(included):
    for library, starts in LIBRARIES.items():
        if included.startswith(starts):
            return library
    return None


def without_comments(text):
    """The same lines, with comments blanked; strings stay, because SEC("...") is one."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
    return token.sub(lambda m: m[0] if m[0][0] == '"' else re.sub(r"[^\n]", " ", m[0]), text)


class Checker:
    def __init__(self, root):
        self.root = root
        self.breaches = []

    def run(self):
        """The number of files read."""
        files = [p for top in ("bpf", "daemon") for p in sorted((self.root / top).rglob("*"))
                 if p.suffix in (".h", ".hpp", ".c", ".cpp", ".def")]
        for path in files:
            self._file(path.relative_to(self.root).as_posix(), path.read_text())
        return len(files)

    def _breach(self, file, line, words):
        self.breaches.append(f"{file}:{line}: {words}")

    def _file(self, file, text):
        name = room_of(file)
        if name is None:
            self._breach(file, 1, "in no room: add its folder to ROOMS and to docs/ARCHITECTURE.md")
            return
        room = ROOMS[name]
        for number, line in enumerate(without_comments(text).splitlines(), 1):
            include = INCLUDE.match(line)
            if include:
                self._include(file, number, name, quoted=include[1] == '"', included=include[2])
            for clock, reading in CLOCKS.items():
                if name.startswith("daemon/") and clock not in room.clocks and reading.search(line):
                    self._breach(file, number, f"{name} reads a clock ({clock}); time is an argument")
            for section in SECTION.findall(line):
                is_map = section.startswith(".maps")
                if is_map and not room.maps:
                    self._breach(file, number, f"{name} defines a map")
                if not section.startswith(NO_PROGRAM) and not room.programs:
                    self._breach(file, number, f"{name} defines a program, SEC(\"{section}\"); only bpf/hooks do")

    def _resolve(self, file, included):
        """The path of one of our own files as the compiler would find it, or None."""
        folder = (self.root / file).parent
        for base in (folder, self.root / "daemon", self.root / "bpf"):
            candidate = (base / included).resolve()
            if candidate.is_file() and candidate.is_relative_to(self.root):
                return candidate.relative_to(self.root).as_posix()
        return None

    def _include(self, file, number, name, quoted, included):
        room = ROOMS[name]
        ours = self._resolve(file, included) if quoted else None
        if ours is not None:
            other = room_of(ours)
            if other == name:
                if room.closed and ours != file:
                    self._breach(file, number, f"includes {ours}; files of {name} do not know each other")
            elif not any(other == allowed or (allowed.endswith("/") and (other or "").startswith(allowed))
                         for allowed in room.rooms):
                self._breach(file, number, f"{name} may not include {ours}")
            return
        library = library_of(included)
        if included.endswith(".skel.h"):  # the embedded BPF object, generated
            library = "libbpf"
        if library is not None:
            if library not in room.libraries:
                self._breach(file, number, f"{name} may not use {library} (<{included}>)")
        elif quoted:
            self._breach(file, number, f"there is no \"{included}\" here")
        elif room.pure and included in WORLDLY:
            self._breach(file, number, f"{name} is pure and may not use <{included}>")
        elif included.endswith(".h") and (not room.system or room.pure and included not in PURE_SYSTEM):
            self._breach(file, number, f"{name} may not use the system's <{included}>")
        elif "/" in included and not included.endswith(".h"):
            self._breach(file, number, f"<{included}> is of no known library: add it to LIBRARIES")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    checker = Checker(root)
    count = checker.run()
    for breach in checker.breaches:
        print(breach)
    if count == 0:
        sys.exit(f"check_layers: no source below {root}")
    print(f"layers: {count} files, {len(checker.breaches)} breaches")
    return 1 if checker.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
