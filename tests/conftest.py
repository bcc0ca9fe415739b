"""What tests of several rooms share: plugins written as a user would write them, into a file."""

import datetime as dt
import ipaddress
import logging
import pathlib
import re
import signal
import socket
import ssl
import textwrap

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # run in the background: what we start would inherit it and be deaf to Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

HEAD = """
from typing import ClassVar
import attrs
from pipeline import Claim, Drop, Flow, Malformed, Pending, Reply, Request, Target, Wait, hookimpl, option, plugin
LOG = []
"""


@pytest.fixture(autouse=True)
def log_as_before():
    """Give the log back as it was: a command that a test has run sends it to a terminal that is closed by now, 1 ms for each entry."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def write(tmp_path):
    """Write a plugin file and give the `load` line of its TOML table: write("probe", source) -> '[plugin.probe]\\nload = ...'."""

    def write(name, source, options=""):
        path = tmp_path / f"{name}_plugin.py"
        path.write_text(HEAD + textwrap.dedent(source))
        return f'[plugin.{name}]\nload = "{path}:{name.capitalize()}"\n{options}\n'

    return write


@pytest.fixture
def plugin_of():
    """Give the running instance of a plugin by its listed name."""

    return lambda server, name: server.plugin(name)


class Authority:
    """A certificate authority of the tests' own, and the files it has made."""

    def __init__(self, folder, name="Test CA"):
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
        usage |= {"digital_signature": True, "key_cert_sign": True, "crl_sign": True, "encipher_only": False, "decipher_only": False}
        builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        self.file = self._pem(f"{name.replace(' ', '-')}.pem", self._sign(builder))

    def _builder(self, subject, key, days=30, before=1):
        from cryptography import x509

        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=before))
            .not_valid_after(now + dt.timedelta(days=days))
        )

    def _sign(self, builder):
        from cryptography.hazmat.primitives import hashes

        return builder.sign(self._key, hashes.SHA256())

    def _pem(self, name, certificate):
        from cryptography.hazmat.primitives.serialization import Encoding

        path = self.folder / name
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        return path

    def issue(self, name, *alternatives, days=30, before=1, file="", password=None):
        """Make a certificate with that common name: "dns:x", "ip:x", "uri:x" alternatives. Return the paths of certificate and key."""
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization as form
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        kinds = {
            "dns": x509.DNSName,
            "uri": x509.UniformResourceIdentifier,
            "ip": lambda text: x509.IPAddress(ipaddress.ip_address(text)),
        }
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key, days, before)
        if alternatives:
            names = [kinds[kind](value) for kind, _, value in (each.partition(":") for each in alternatives)]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        cert = self._pem(f"{file or name}.crt", self._sign(builder))
        locked = form.BestAvailableEncryption(password) if password else form.NoEncryption()
        path = self.folder / f"{file or name}.key"
        path.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked))
        return cert, path

    def client(self, cert=None, *, version=None):
        """Make the context of a client that trusts this authority and shows a certificate (a pair of paths)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.file)
        if cert is not None:
            context.load_cert_chain(*cert)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority; `authority.issue("sip.example.com", "dns:sip.example.com")` makes a certificate and its key."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory):
    """A certificate authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"), "Stranger")


RFCS = pathlib.Path(__file__).resolve().parents[2] / "shared/rfc"
PAGE = re.compile(r"\n+[^\n]*\[Page \d+\]\n\f?\n*RFC \d+ [^\n]*\n+")
ERRATA = {4235: [('name="display-name"', 'name="display"')]}  # its text (4.1.6.1) and all its examples say so
XML_LANG = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/XML/1998/namespace">
<xs:attribute name="lang" type="xs:language"/></xs:schema>"""


@pytest.fixture(scope="session")
def valid(tmp_path_factory):
    """Give valid(rfc, document): asserts that a document validates against the schema in the RFC's own text, and returns its root.

    The schema is read where the text stands, its page breaks cut out; without the texts the test is skipped.
    """
    from lxml import etree

    folder = tmp_path_factory.mktemp("schemas")
    (folder / "xml.xsd").write_text(XML_LANG)
    schemas = {}

    def schema(number, namespace):
        file = RFCS / f"rfc{number}.txt"
        if not file.exists():
            pytest.skip(f"the text of RFC {number} is not at {file}")
        text = PAGE.sub("\n", file.read_text(errors="replace"))
        for found in re.finditer(r"<xs:schema\b.*?</xs:schema>", text, re.DOTALL):
            if re.search(rf"""targetNamespace=["']{re.escape(namespace)}["']""", found[0]):
                local = re.sub(r"""(schemaLocation\s*=\s*["'])[^"']*xml\.xsd""", rf"\1{folder}/xml.xsd", found[0])
                for wrong, right in ERRATA.get(number, ()):
                    assert wrong in local
                    local = local.replace(wrong, right)
                (folder / f"{number}.xsd").write_text(local)
                return etree.XMLSchema(etree.parse(folder / f"{number}.xsd"))
        raise AssertionError(f"no schema of {namespace} in RFC {number}")

    def valid(number, document):
        root = etree.fromstring(document)
        namespace = etree.QName(root).namespace
        if namespace not in schemas:
            schemas[namespace] = schema(number, namespace)
        schemas[namespace].assertValid(root)
        return root

    return valid


class Mailhost:
    """A real SMTP server on loopback that keeps what it takes; `refuse` makes it say no."""

    def __init__(self):
        from aiosmtpd.controller import Controller

        self.letters = []
        self.refuse = ""
        """What it answers to RCPT instead of 250: "451 later"."""
        self.host = "127.0.0.1"
        with socket.create_server((self.host, 0)) as free:
            self.port = free.getsockname()[1]
        self._controller = Controller(self, hostname=self.host, port=self.port, ready_timeout=20)
        self._controller.start()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        from email import message_from_bytes, policy

        letter = message_from_bytes(envelope.content, policy=policy.default)
        letter.envelope = envelope
        self.letters.append(letter)
        return "250 taken"

    def stop(self):
        self._controller.stop()


@pytest.fixture
def mailhost():
    """A real SMTP server: host, port, letters, refuse."""
    pytest.importorskip("aiosmtpd")
    host = Mailhost()
    yield host
    host.stop()
