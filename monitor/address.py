"""Where a network stream is: a URL without a secret in the configuration, and with one only where it is opened."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import quote, urlsplit, urlunsplit

SCHEMES = ("rtsp", "rtsps", "http", "https")


def address(value: object) -> str:
    """A URL as the configuration may have it. Raises ValueError, which repeats nothing of it: it may hold a password.

    >>> address("rtsp://192.168.1.20:554/yard")
    'rtsp://192.168.1.20:554/yard'
    """
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        fit = parts.scheme in SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        fit = False
    if isinstance(value, str) and "@" in value.partition("://")[2].partition("?")[0].partition("/")[0]:
        raise ValueError("holds a login, expected none: the keys username and password_file are for it")
    if not fit or not isinstance(value, str) or not value.isprintable() or " " in value:
        raise ValueError(f"expected a URL that begins with {', '.join(f'{s}://' for s in SCHEMES)} and a host, without spaces")
    return value


def shown(url: str) -> str:
    """The URL as people may see it: without what follows a question mark, where tokens are.

    >>> shown("http://radio.example:8000/a.mp3?token=hunter2")
    'http://radio.example:8000/a.mp3'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def name(url: str) -> str:
    """What the stream is called in messages."""
    return f"network stream '{shown(url)}'"


def with_login(url: str, username: str | None, password: str | None) -> str:
    """The URL with a login in it, whatever its characters.

    >>> with_login("http://radio.example/a.mp3", "me", "p@ss/word")
    'http://me:p%40ss%2Fword@radio.example/a.mp3'
    """
    if username is None:
        return url
    login = quote(username, safe="") + ("" if password is None else f":{quote(password, safe='')}")
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, f"{login}@{parts.netloc}", parts.path, parts.query, ""))


def is_loopback(host: str) -> bool:
    """Whether who listens on a host is reached from the same machine alone; of a name other than localhost nobody knows.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("box.local")
    (True, True, True, False, False)
    """
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
