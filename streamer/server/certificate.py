"""A self-signed certificate for `--https`: made at the start, kept in memory, and gone with the process."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ifaddr
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID_DAYS = 90  # from a start; the next start makes another one
_CLOCK_TOLERANCE = datetime.timedelta(days=1)  # of phones whose clock is behind


@dataclass(frozen=True)
class Certificate:
    """context: for the server's sockets. fingerprint: SHA-256 of the certificate, as browsers show it: AB:CD:…"""

    context: ssl.SSLContext
    fingerprint: str


def make_certificate(names: list[str], addresses: list[str]) -> Certificate:
    """A new key (P-256) and a certificate that it signs for these host names and IP addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Kagami")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_TOLERANCE)
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(name) for name in names]
                + [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _readable(pem) as path:
        context.load_cert_chain(path)
    return Certificate(context, certificate.fingerprint(hashes.SHA256()).hex(":").upper())


def machine_names() -> list[str]:
    """The host names by which this machine is known."""
    name = socket.gethostname().encode("ascii", "ignore").decode() or "localhost"
    return list(dict.fromkeys(["localhost", name, f"{name.split('.')[0]}.local"]))


def machine_addresses() -> list[str]:
    """The IP addresses of this machine, those of IPv4 networks first, loopback last."""
    found = [ip.ip if isinstance(ip.ip, str) else ip.ip[0] for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    return sorted(dict.fromkeys([*found, "127.0.0.1", "::1"]), key=_rank)


def _rank(address: str) -> tuple[bool, bool, bool]:
    ip = ipaddress.ip_address(address)
    return ip.is_loopback, ip.is_link_local, ip.version == 6


@contextlib.contextmanager
def _readable(data: bytes) -> Iterator[str]:
    """A path under which these bytes can be read, since `ssl` loads keys from files alone. On Linux it is memory."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("kagami", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, data)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "kagami.pem")
            path.touch(0o600)
            path.write_bytes(data)
            yield str(path)
