"""Certificates and password hashes of the test's own, made with openssl and Debian's perl, whose crypt() is libcrypt's.
Everything is in one folder and good for a day."""
from harness import run

SALT = "abcdefghijklmnopqrstuu"


def bcrypt(password, cost=4):
    """A hash of the password; the cheapest cost that bcrypt has is enough for a test that does not measure it."""
    program = 'print crypt($ARGV[0], $ARGV[1])'
    return run("perl", "-e", program, password, f"$2y${cost:02}${SALT}").stdout


class Authority:
    """A CA, and what it signs."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        self.certificate = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
            "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    def sign(self, name, alternative="DNS:localhost,IP:127.0.0.1,IP:::1", purpose="serverAuth", rsa=False):
        """Paths of a certificate and its key."""
        certificate, key, request = (self.folder / f"{name}.{ending}" for ending in ("pem", "key", "csr"))
        kind = ("rsa:2048",) if rsa else ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        run("openssl", "req", "-newkey", *kind, "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\nextendedKeyUsage={purpose}\n")
        run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
            "-days", "1", "-extfile", extensions, "-out", certificate)
        return certificate, key
