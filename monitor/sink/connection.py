"""The connection to the broker, kept up through outages."""

from __future__ import annotations

import dataclasses
import random
import ssl
import threading
import time

import structlog
from paho.mqtt.enums import MQTTProtocolVersion

from monitor.sink import Inbox
from monitor.sink.login import Login
from monitor.sink.outgoing import Outgoing
from monitor.sink.session import RefusedError, Session, SessionLostError, UnsupportedProtocolError

CONNECT_TIMEOUT_S = 3.0
FIRST_DELAY_S = 0.25
MAX_DELAY_S = 4.0
_SHORT_S, _RIVAL = 10.0, 4  # connections that end so soon, one after another

log = structlog.get_logger(__name__)


class Connection:
    """Owns the thread "mqtt", which connects, sends what is outgoing, and connects again. `close` comes from one other thread."""

    def __init__(self, login: Login, outgoing: Outgoing, incoming: Inbox | None = None) -> None:
        self.connected = False
        """Whether the broker has let us in; any thread may read it."""
        self._login = login
        self._outgoing = outgoing
        self._incoming = incoming
        self._protocol: MQTTProtocolVersion | None = None
        self._failures = 0
        self._short = 0
        self._said: set[str] = set()
        self._stop = threading.Event()
        self._deadline_s = 0.0
        # A name lookup cannot be interrupted; it shall not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    @property
    def hopeful(self) -> bool:
        """Whether the broker is there, or no attempt to reach it has failed yet."""
        return self.connected or not self._failures

    def close(self, timeout_s: float, *, patience_s: float = CONNECT_TIMEOUT_S) -> None:
        """Sends what is ready within the time, if connected, and ends the thread.

        An attempt to connect that is under way cannot be broken off: after `patience_s` it is left to itself, and sends nothing any more.
        """
        connected = self.connected
        self._deadline_s = time.monotonic() + timeout_s
        self._stop.set()
        self._outgoing.ring()
        self._thread.join(patience_s if not connected else timeout_s + patience_s)
        if self._thread.is_alive() and connected:
            log.warning("mqtt.stuck", host=self._login.host)

    def _run(self) -> None:
        while not self._stop.is_set():
            began_s = time.monotonic()
            self._attempt()
            self._watch_for_a_rival(time.monotonic() - began_s)
            self.connected = False
            # A connection that broke at once is no success: two clients with one name would fight without a pause.
            self._failures = 0 if time.monotonic() - began_s > 2 * MAX_DELAY_S else self._failures + 1
            self._stop.wait(_delay_s(self._failures))

    def _watch_for_a_rival(self, lasted_s: float) -> None:
        """Says so when connection after connection is closed soon: a broker throws out whoever had the client id before."""
        if self.connected:
            self._short = self._short + 1 if lasted_s < _SHORT_S else 0
        if self._short == _RIVAL:
            reason = f"the client id {self._login.client_id!r} seems to be somebody else's too: connections are closed at once"
            log.warning("mqtt.rival", reason=reason, expected="an mqtt.client_id or a node of its own for each daemon")

    def _attempt(self) -> None:
        """Connects and stays connected as long as it lasts; why it ended is said once an outage."""
        try:
            self._converse()
        except (RefusedError, ssl.SSLCertVerificationError) as error:
            self._say("mqtt.refused", str(error), once=str(error))
        except (SessionLostError, OSError) as error:
            self._say("mqtt.disconnected", str(error), once="mqtt.disconnected")
        except Exception as error:
            # What a broken broker sends can fail anywhere in the client; the next connection starts afresh.
            self._say("mqtt.failed", repr(error), once=repr(error), exc_info=True)

    def _say(self, fact: str, reason: str, *, once: str, **data: object) -> None:
        level = log.debug if once in self._said else log.warning
        self._said.add(once)
        level(fact, reason=reason, host=self._login.host, port=self._login.port, waiting=len(self._outgoing.outbox), **data)

    def _converse(self) -> None:
        """One session in the newest protocol that the broker speaks; a session that never came up says nothing about the next."""
        protocol = self._protocol or self._newest_protocol()
        self._protocol = None
        if self._stop.is_set():
            return
        with self._open(self._login, protocol, self._incoming) as session:
            while not self._over(session):
                session.step()
                if session.connected and not self.connected:
                    self._protocol = protocol
                    self._welcome(protocol)
            session.goodbye()

    def _newest_protocol(self) -> MQTTProtocolVersion:
        """MQTT 5, or 3.1.1 if the broker refuses that."""
        # Asked without a last will: a broker of 3.1.1 may stumble over the will of MQTT 5, and never answer.
        try:
            with self._open(dataclasses.replace(self._login, will_topic=None), MQTTProtocolVersion.MQTTv5) as session:
                while not session.connected and not self._stop.is_set():
                    session.step()
                session.goodbye()
        except UnsupportedProtocolError:
            return MQTTProtocolVersion.MQTTv311
        return MQTTProtocolVersion.MQTTv5

    def _open(self, login: Login, protocol: MQTTProtocolVersion, incoming: Inbox | None = None) -> Session:
        return Session(login, self._outgoing, incoming, protocol=protocol, timeout_s=CONNECT_TIMEOUT_S)

    def _welcome(self, protocol: MQTTProtocolVersion) -> None:
        self.connected = True
        self._said.clear()
        log.info("mqtt.connected", host=self._login.host, port=self._login.port, protocol=protocol.name, waiting=len(self._outgoing.outbox))

    def _over(self, session: Session) -> bool:
        return self._stop.is_set() and (not session.connected or session.idle or time.monotonic() > self._deadline_s)


def _delay_s(failures: int) -> float:
    """Seconds to wait before the next attempt: doubled each time up to the maximum, of which half to all by chance."""
    delay_s: float = min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** min(failures, 10))
    return delay_s * random.uniform(0.5, 1.0)  # noqa: S311  spreads clients out, keeps no secret
