"""The TLS side of the way to a vendor: HTTP/2 only, TLS 1.2 at least, our certificate as the client's."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def pem_file(certificate_pem: bytes, key_pem: bytes) -> Iterator[str]:
    """The pair in a private file (mode 0600) that exists only within: OpenSSL's and Python's loaders want a path."""
    with tempfile.NamedTemporaryFile(prefix="passbell-", suffix=".pem") as file:
        file.write(certificate_pem.rstrip() + b"\n" + key_pem.rstrip() + b"\n")
        file.flush()
        yield str(Path(file.name))


def client_context(certificate_pem: bytes, key_pem: bytes, ca_pem: bytes | None = None) -> ssl.SSLContext:
    """A context for HTTP/2 with this client certificate; ``ca_pem`` replaces the machine's roots.

    Raises ssl.SSLError (an OSError) when certificate, key or CA are not PEM or do not belong together.
    """
    context = ssl.create_default_context(cadata=ca_pem.decode("ascii") if ca_pem else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    with pem_file(certificate_pem, key_pem) as path:
        context.load_cert_chain(path)
    return context


def is_certificate_refused(error: Exception) -> bool:
    """Whether TLS failed over a certificate, theirs at us or ours at them: no retry mends that."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return True
    reason = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else None
    return isinstance(reason, str) and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED"))
