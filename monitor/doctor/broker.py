"""Whether the broker can be reached, lets us in, and takes what we publish."""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import Iterator

from monitor.config import Config, MqttConfig
from monitor.doctor import Finding
from monitor.errors import ConfigError
from monitor.sink.login import Login, login
from monitor.sink.probe import Stage, probe

WITHIN_S = 10.0
"""How long it takes at most."""
_OTHER_NAME = (62, 64)  # <openssl/x509_vfy.h>: a name, an address
_OTHER_TIME = (9, 10)  # not yet, no longer


def findings(config: Config, *, within_s: float = WITHIN_S) -> Iterator[Finding]:
    """One for each stage that is passed, and for the one that is not."""
    mqtt = config.mqtt
    if mqtt is None:
        yield Finding("broker", "ok", "none asked for: no [mqtt] in the configuration")
        return
    try:
        me = _login(mqtt, config.node)
    except ConfigError as error:
        files = [str(file) for file in (mqtt.password_file, mqtt.ca_file, mqtt.cert_file, mqtt.key_file) if file is not None]
        yield Finding("broker login", "failed", str(error), f"ls -l {' '.join(files)}")
        return
    root = f"{config.topic}/{config.node}"
    for stage in probe(me, f"{root}/doctor", "well", within_s=within_s):
        check = f"broker {stage.name}"
        if stage.error is None:
            yield Finding(check, "ok", stage.detail)
        else:
            yield Finding(check, "failed", f"{mqtt.host}:{mqtt.port}: {stage.detail}", _mend(stage, mqtt, root))


def _login(mqtt: MqttConfig, node: str) -> Login:
    """As the daemon, by a name of our own, so that a daemon that runs is not thrown out."""
    return dataclasses.replace(login(mqtt, node=node, will_topic=None), client_id=f"diffmon-{node}-doctor")


def _mend(stage: Stage, mqtt: MqttConfig, root: str) -> str:
    match stage.name:
        case "name":
            return f'getent hosts {mqtt.host}  # no answer? [mqtt] host = "the broker\'s name or address"'
        case "connection":
            other = 1883 if mqtt.port == 8883 else 8883
            return f"systemctl start mosquitto  # on {mqtt.host}; or, if it listens elsewhere: [mqtt] port = {other}"
        case "encryption":
            return _trust(stage.error, mqtt)
        case "login":
            return _identity(mqtt)
        case "publication":
            return f"topic readwrite {root}/#  # in the broker's acl_file" + f", below: user {mqtt.username}" * bool(mqtt.username)


def _trust(error: Exception | None, mqtt: MqttConfig) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return "[mqtt] tls = false  # or the port on which the broker speaks TLS: port = 8883"
    if error.verify_code in _OTHER_TIME:
        return "date  # if that is right, the broker needs a new certificate"
    if error.verify_code in _OTHER_NAME:
        return '[mqtt] host = "a name that is in the broker\'s certificate"'
    return f'openssl s_client -connect {mqtt.host}:{mqtt.port} -showcerts  # then [mqtt] ca_file = "the CA that signed it, PEM"'


def _identity(mqtt: MqttConfig) -> str:
    if mqtt.username is None:
        secret = "/etc/diffmon/mqtt-password"  # noqa: S105  # where it is, not what it is
        return f'[mqtt] username = "diffmon"  and  password_file = "{secret}"'
    return f"mosquitto_passwd /etc/mosquitto/passwd {mqtt.username}  # on {mqtt.host}; the same password into {mqtt.password_file}"
