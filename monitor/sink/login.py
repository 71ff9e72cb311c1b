"""Where the broker is, and as whom to speak to it."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from monitor.config import MqttConfig
from monitor.errors import SettingError
from monitor.secret import first_line


@dataclass(frozen=True, slots=True)
class Login:
    """All that a connection is made with."""

    host: str
    port: int
    client_id: str
    keepalive_s: int
    username: str | None
    password: str | None = field(repr=False)
    tls: ssl.SSLContext | None
    """Verifies the broker's certificate and name; no encryption if none."""
    will_topic: str | None
    """Where the broker says `offline` for us when the connection breaks; nowhere if none."""


class _TlsSocket(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho leaves such a socket open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def login(config: MqttConfig, *, node: str, will_topic: str | None) -> Login:
    """The login of a configuration, its files read. Raises SettingError."""
    return Login(
        host=config.host,
        port=config.port,
        client_id=config.client_id or f"diffmon-{node}",
        # Zero would mean that a dead connection is never noticed.
        keepalive_s=min(65535, max(1, round(config.keepalive))),
        username=config.username,
        password=None if config.password_file is None else first_line(config.password_file, key="mqtt.password_file"),
        tls=_tls(config) if config.tls else None,
        will_topic=will_topic,
    )


def _tls(config: MqttConfig) -> ssl.SSLContext:
    """A context that trusts the file's certificates, or the system's, and shows ours if there is one."""
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
    except ssl.SSLError:
        raise SettingError(f"mqtt.ca_file: {config.ca_file}: holds no PEM certificate") from None
    except OSError as error:
        raise SettingError(f"mqtt.ca_file: {config.ca_file}: cannot be read: {error.strerror}") from None
    if config.cert_file is not None:
        _show(context, config.cert_file, config.key_file)
    context.sslsocket_class = _TlsSocket
    return context


def _show(context: ssl.SSLContext, cert_file: Path, key_file: Path | None) -> None:
    """Loads our certificate and its key; a key that asks for a passphrase is refused, since nobody is there to type it."""
    try:
        context.load_cert_chain(cert_file, key_file, password=lambda: "")
    except (ssl.SSLError, ValueError):
        files = f"{cert_file}" if key_file is None else f"{cert_file} and {key_file}"
        raise SettingError(f"mqtt.cert_file: {files}: expected a PEM certificate and its own key, without a passphrase") from None
    except OSError as error:
        unread = next((path for path in (cert_file, key_file) if path is not None and not os.access(path, os.R_OK)), cert_file)
        raise SettingError(f"mqtt.{'cert' if unread == cert_file else 'key'}_file: {unread}: cannot be read: {error.strerror}") from None
