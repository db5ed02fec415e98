"""Debian systems to install packages in: layers over a clean root file system, in memory, each with the ones below it.

Whoever uses this runs in namespaces of his own for mounts and processes (see enter()): what is mounted and what is
started here is gone when he ends, however he ends. Root.
"""
import contextlib
import hashlib
import itertools
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SUITE = "bookworm"
KEPT = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "tcpperf" / "vm"
BASE = KEPT / "bookworm-package"
# What apt has fetched stays for the next time.
CACHE = KEPT / "bookworm-package.apt"
APT = ("apt-get", "-q", "-y", "--no-install-recommends", "-o", "APT::Sandbox::User=root")
# What belongs to this machine or is gone with the next boot.
FOREIGN = ("dev", "proc", "run", "sys", "tmp", "var/cache/apt/archives", "var/lib/apt/lists")


def run(*command, check=True, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, **more)
    if check and done.returncode != 0:
        said = f"{done.stdout}{done.stderr}"
        raise AssertionError(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{said}")
    return done


def package(folder, pattern):
    """The one file there that fits."""
    found = list(pathlib.Path(folder).glob(pattern))
    assert len(found) == 1, f"{found} for {pattern} in {folder}; ./dev package builds packages"
    return found[0]


def enter():
    """Goes on in new namespaces, with the layers' memory mounted on a folder of its own; returns that folder."""
    if os.environ.get("TCPPERF_LAYERS") is None:
        if os.geteuid() != 0:
            sys.exit("this test makes root file systems: run it as root")
        with tempfile.TemporaryDirectory(prefix="tcpperf_package_") as folder:
            done = subprocess.run(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
                 sys.executable, "-B", *sys.argv], env={**os.environ, "TCPPERF_LAYERS": folder}, check=False)
        sys.exit(done.returncode)
    folder = pathlib.Path(os.environ["TCPPERF_LAYERS"])
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    run(ROOT / "tests" / "vm" / "debian_root", SUITE, BASE, "man-db")
    for part in ("archives/partial", "lists/partial"):
        (CACHE / part).mkdir(parents=True, exist_ok=True)
    return folder


def dead_links(system, page):
    """Links of a page in that system that lead to no file; a web address is not looked at."""
    targets = re.findall(r"\]\(\s*<?([^)\s>#]+)", page.read_text(encoding="utf-8"))
    paths = {target: system.path / target[1:] if target.startswith("/") else page.parent / target
             for target in targets if ":" not in target}
    return {f"{page.relative_to(system.path)}: {target}" for target, path in paths.items() if not path.exists()}


class System:
    """A root file system: `below` and what is changed in it."""
    _numbers = itertools.count()

    def __init__(self, folder, below=None):
        self._folder = folder
        self._changes = folder / f"changes{next(self._numbers)}"
        self._changes.mkdir()
        self._lower = [below._changes, *below._lower] if below else [BASE]
        self.path = None

    @contextlib.contextmanager
    def mounted(self):
        """Programs can run in it. It is no longer changed once another stands on it."""
        work = self._changes.with_suffix(".work")
        self.path = self._changes.with_suffix(".root")
        for path in (work, self.path):
            path.mkdir()
        layers = f"lowerdir={':'.join(map(str, self._lower))},upperdir={self._changes},workdir={work}"
        run("mount", "-t", "overlay", "overlay", "-o", layers, self.path)
        try:
            for name in ("dev", "sys"):
                run("mount", "--rbind", f"/{name}", self.path / name)
            run("mount", "-t", "proc", "proc", self.path / "proc")
            for inside, outside in (("var/cache/apt/archives", "archives"), ("var/lib/apt/lists", "lists")):
                run("mount", "--bind", CACHE / outside, self.path / inside)
            run("mount", "-t", "tmpfs", "tmpfs", self.path / "run")
            run("mount", "-t", "tmpfs", "tmpfs", self.path / "tmp")
            run("mount", "--bind", "/etc/resolv.conf", self.path / "etc/resolv.conf")  # how to reach the mirror
            yield self
        finally:
            run("umount", "--recursive", self.path)

    def __call__(self, *command, check=True, **environment):
        """Runs a command in it."""
        variables = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
                     "DEBIAN_FRONTEND": "noninteractive", **environment}
        return run("chroot", self.path, "env", "-i", *(f"{name}={value}" for name, value in variables.items()),
                   *command, check=check)

    def satisfied(self, deb):
        """Has what this package needs, but not the package."""
        self.apt("update")
        self.apt("satisfy", run("dpkg-deb", "--field", deb, "Depends").stdout)

    def apt(self, *arguments):
        return self(*APT, *arguments)

    def bring(self, package):
        """A package file, to where programs in it can read it."""
        target = self.path / "tmp" / pathlib.Path(package).name
        shutil.copy(package, target)
        return f"/tmp/{target.name}"

    def files(self):
        """Every file with its kind, owner and mode, and in /etc its content."""
        found = {}
        skipped = {self.path / name for name in FOREIGN}
        for folder, folders, names in os.walk(self.path):
            folders[:] = [name for name in folders if pathlib.Path(folder, name) not in skipped]
            for name in (*folders, *names):
                path = pathlib.Path(folder, name)
                status = path.lstat()
                inside = f"/{path.relative_to(self.path)}"
                content = ""
                if path.is_symlink():
                    content = os.readlink(path)
                elif stat.S_ISREG(status.st_mode) and inside.startswith("/etc/"):
                    content = hashlib.sha256(path.read_bytes()).hexdigest()
                found[inside] = (stat.filemode(status.st_mode), status.st_uid, status.st_gid, content)
        return found
