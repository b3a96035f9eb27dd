"""TLS to the broker: the context, and what a failure means in plain words."""

from __future__ import annotations

import ssl
from pathlib import Path

from edged.errors import BrokerError
from edged.sections import Mqtt

_UNKNOWN_AUTHORITY = {2, 18, 19, 20, 21}
_NOT_YET_VALID = 9
_EXPIRED = 10
_OTHER_HOST = {62, 64}
# Codes of X509_STORE_CTX_get_error(3).


class TlsSocket(ssl.SSLSocket):
    """Closes itself when the handshake fails, and remembers why it failed later.

    A TLS 1.3 broker refuses a client certificate after the handshake, and paho keeps such an error
    to itself.
    """

    failure: ssl.SSLError | None = None

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as inherited
        """Shake hands or close."""
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Read, and keep the error that ends the connection."""
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self.failure = error
            raise


def tls_context(settings: Mqtt) -> ssl.SSLContext | None:
    """What `[mqtt]` asks for: TLS 1.2 or newer with the host name checked; None: no TLS.

    Raises:
        BrokerError: a file cannot be read or is not what it should be, or files without `tls`.
    """
    files = {"ca_file": settings.ca_file, "cert_file": settings.cert_file}
    files["key_file"] = settings.key_file
    given = {key: path for key, path in files.items() if path}
    if not settings.tls:
        if given:
            raise BrokerError(f"[mqtt] {next(iter(given))} is set but tls is off: set tls = true")
        return None
    if settings.key_file and not settings.cert_file:
        raise BrokerError("[mqtt] key_file is set but cert_file is not: set both")
    for key, path in given.items():
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise BrokerError(f"[mqtt] {key}: cannot read {path}: {error.strerror}") from None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
    except ssl.SSLError:
        raise BrokerError(f"[mqtt] ca_file: {settings.ca_file} holds no PEM certificate") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = TlsSocket
    if settings.cert_file:
        _load_client_certificate(context, settings.cert_file, settings.key_file)
    return context


def _load_client_certificate(context: ssl.SSLContext, cert_file: str, key_file: str) -> None:
    files = f"{cert_file} and {key_file}" if key_file else cert_file
    try:
        # A password given here keeps OpenSSL from asking for one at the terminal.
        context.load_cert_chain(cert_file, key_file or None, password="")
    except ssl.SSLError as error:
        raise BrokerError(
            f"[mqtt] cert_file, key_file: {files} hold no PEM certificate with its unencrypted key"
            f" ({_reason(error)})"
        ) from None


def explain(error: ssl.SSLError, broker: str) -> str:
    """What a TLS failure with `broker` means and what to do about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error, broker)
    reason = _reason(error)
    if "certificate required" in reason or "handshake failure" in reason:
        return f"{broker} wants a client certificate: set [mqtt] cert_file and key_file"
    if "alert" in reason and ("certificate" in reason or "unknown ca" in reason):
        return f"{broker} refuses our client certificate ({reason})"
    if isinstance(error, ssl.SSLEOFError) or "wrong version" in reason or "record" in reason:
        return f"{broker} does not speak TLS on this port ({reason})"
    return f"no TLS connection to {broker}: {reason}"


def _explain_certificate(error: ssl.SSLCertVerificationError, broker: str) -> str:
    whose = f"the certificate of {broker}"
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return f"{whose} is from an unknown authority: set [mqtt] ca_file"
    if error.verify_code in _OTHER_HOST:
        return f"{whose} is for another host: set [mqtt] host to a name that it bears"
    if error.verify_code == _EXPIRED:
        return f"{whose} has expired"
    if error.verify_code == _NOT_YET_VALID:
        return f"{whose} is not valid yet: is this device's clock right?"
    return f"{whose} cannot be trusted: {error.verify_message}"


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
