"""Whether people could look on: the live page, its port and its token."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.config import Config, WebConfig
from monitor.doctor import Finding
from monitor.doctor.permissions import CREDENTIALS
from monitor.errors import SettingError, SinkError
from monitor.page.opening import attempt
from monitor.sink.held import holder
from monitor.state import state_dir


def findings(config: Config) -> Iterator[Finding]:
    """One, whether or not there shall be a page."""
    web = config.web
    if web is None:
        yield Finding("page", "ok", "none asked for: no [web] in the configuration")
        return
    try:
        attempt(web)
        asks = (
            "asks for no token: whoever has an account here may look"
            if web.token_file is None
            else f"asks for the token in {web.token_file}"
        )
        yield Finding("page", "ok", f"{web.host}:{web.port}: free; {asks}")
    except SettingError as error:
        yield Finding("page", "failed", str(error), _mend(error, web))
    except SinkError as error:
        yield _taken(config, web, str(error))


def _taken(config: Config, web: WebConfig, refusal: str) -> Finding:
    """Nobody can listen there: the daemon that runs does, or it hears without being looked at."""
    folder = state_dir(config)
    pid = None if folder is None else holder(folder / f"{config.node}.outbox")
    if "in use" not in refusal:
        return Finding("page", "warning", refusal, 'ip -brief address  # then [web] host = "one of these, or 127.0.0.1"')
    if pid is not None:
        return Finding("page", "ok", f"{web.host}:{web.port}: taken, while a daemon runs, process {pid}: that is well")
    mend = f"ss -ltnp 'sport = :{web.port}'  # who has it? if that is not the daemon: [web] port = {web.port + 1}"
    return Finding("page", "warning", f"{refusal}; the daemon would start, hear all the same, and not be looked at", mend)


def _mend(error: SettingError, web: WebConfig) -> str:
    if web.token_file is None or "token_file" not in str(error):
        return "pip install 'diffmon[web]'  # with the pip of the Python that runs diffmon"
    if web.token_file.exists() and "first line" not in str(error):
        return f"ls -l {web.token_file}  # whoever runs the daemon must be able to read it"
    if web.token_file.is_relative_to(CREDENTIALS):
        return f"(umask 077; openssl rand -hex 16 > /etc/credstore/diffmon.{web.token_file.name}) && systemctl restart diffmon  # as root"
    return f"(umask 077; openssl rand -hex 16 > {web.token_file})"
