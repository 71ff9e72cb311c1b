"""Who may look, and from where somebody may command."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from monitor.errors import SettingError
from monitor.secret import first_line

SHORTEST, LONGEST = 16, 200
"""Characters of a token."""
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})

Texts = Mapping[str, str]


class Access:
    """Judges requests by their headers and cookies. Any thread may ask.

    Args:
        token: what whoever looks must know; none if whoever reaches the page may look.
        host: name or address that is listened on.
        node: of which the cookie has its name, since those of one host go to all of its ports.
    """

    def __init__(self, token: str | None, *, host: str, node: str) -> None:
        self._token = token
        self._names = _LOCAL | {host.lower()}
        self.cookie = f"diffmon-{node}"
        """Name of the cookie that a browser shows."""

    @property
    def guarded(self) -> bool:
        """Whether a token is asked for."""
        return self._token is not None

    @property
    def session(self) -> str:
        """Value of the cookie: the same after a restart, gone with the token, and not the token itself."""
        return hmac.new((self._token or "").encode(), b"diffmon page", sha256).hexdigest()

    def named(self, headers: Texts) -> bool:
        """Whether it is asked for by a name that is ours: without a token, another's page could have its own name point to us."""
        return self._token is not None or _host(headers.get("host", "")) in self._names

    def is_token(self, said: str) -> bool:
        """Whether that is the token, compared in constant time."""
        return self._token is not None and _equal(said, self._token)

    def bears(self, headers: Texts) -> bool:
        """Whether it bears the token, as programs do."""
        scheme, _, said = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.is_token(said.strip())

    def knows(self, headers: Texts, cookies: Texts) -> bool:
        """Whether it may look."""
        return self._token is None or self.bears(headers) or _equal(cookies.get(self.cookie, ""), self.session)

    def commands(self, headers: Texts) -> bool:
        """Whether it comes from our own page, or from a program that bears the token: no other page may command in somebody's name."""
        origin = urlsplit(headers.get("origin", ""))
        return self.bears(headers) or (bool(origin.netloc) and origin.netloc.lower() == headers.get("host", "").lower())


def token(path: Path, *, key: str) -> str:
    """The token of the file that a key of the configuration names. Raises SettingError."""
    found = first_line(path, key=key)
    if not (SHORTEST <= len(found) <= LONGEST and found.isascii() and found.isprintable() and " " not in found):
        raise SettingError(
            f"{key}: {path}: the first line is no token, expected {SHORTEST} to {LONGEST} printable ASCII characters, no spaces"
        )
    return found


def _equal(said: str, known: str) -> bool:
    return hmac.compare_digest(said.encode(), known.encode())


def _host(header: str) -> str | None:
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None
