"""The few words of HTTP that a machine's watchers speak: GET or HEAD of the metrics page and of `/health`.

Everything else is refused: other methods, other paths, and what a browser sends on behalf of a page, because a page
must not read what this machine does. `answer` is a pure function of a request's head. Two servers use it: the control
port, for connections whose first bytes are those of HTTP, and `http_server` on an address of its own.

No client can hold the owner up. A request is at most 8 KiB and has five seconds, its answer five more.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable

from backrooms_tui.model.scrub import scrub
from backrooms_tui.model.value import value
from backrooms_tui.model.views import ServiceStatus

MAX_HEAD = 8192
SECONDS = 5.0
"""For a request to come, and for its answer to be taken."""
HEALTH = "/health"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@value
class Site:
    """What there is to be read."""

    metrics: Callable[[], bytes]
    """`Watch.render_metrics`."""
    status: Callable[[], ServiceStatus | None]
    """`Watch.status`; None while the store is being opened."""
    path: str = "/metrics"
    """Setting `metrics.path`."""
    loopback: bool = True
    """Served on this machine only: requests must then name this machine, so that no page can have its own name lead
    here.
    """


def whole(head: bytes) -> bool:
    """Whether the head of a request has come to its end, or is longer than any may be."""
    return b"\r\n\r\n" in head or b"\n\n" in head or len(head) > MAX_HEAD


def answer(head: bytes, site: Site) -> bytes:
    """The complete answer to a request, of which `head` is all or the first MAX_HEAD bytes. Never raises."""
    if not whole(head):
        return _response(408)
    if len(head) > MAX_HEAD:
        return _response(431)
    try:
        method, target, fields = _parsed(head)
    except ValueError:
        return _response(400)
    if method not in ("GET", "HEAD"):
        return _response(405, extra="Allow: GET, HEAD\r\n")
    if _from_page(fields) or (site.loopback and not _names_this_machine(fields.get("host", ""))):
        return _response(403)
    try:
        status, kind, body = _page(target.partition("?")[0], site)
    except Exception:  # the border: the owner lives on, and whoever asks is told that it could not be done
        return _response(500)
    return _response(status, kind, body, silent=method == "HEAD")


def _parsed(head: bytes) -> tuple[str, str, dict[str, str]]:
    """Method, target and fields by lower-case name. Raises ValueError."""
    lines = head.decode("latin-1").replace("\r\n", "\n").partition("\n\n")[0].split("\n")
    method, target, version = lines[0].split(" ")
    if not version.startswith("HTTP/1.") or not target.isprintable():
        raise ValueError(version)
    fields: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, text = line.partition(":")
        name = name.lower()
        if not colon or not name or name != name.strip() or (name == "host" and name in fields):
            raise ValueError(line)
        fields[name] = text.strip()
    return method, target, fields


def _from_page(fields: dict[str, str]) -> bool:
    """Whether a browser asks because a page wants it to, not because somebody typed the address."""
    return "origin" in fields or fields.get("sec-fetch-site", "none") != "none"


def _names_this_machine(host: str) -> bool:
    name = host.partition("]")[0][1:] if host.startswith("[") else host.partition(":")[0]
    if name in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _page(path: str, site: Site) -> tuple[int, str, bytes]:
    if path == HEALTH:
        status = site.status()
        body = _health(status)
        well = body["status"] == "ok"
        return 200 if well else 503, "application/json", json.dumps(body).encode() + b"\n"
    if path == site.path:
        return 200, METRICS_TYPE, site.metrics()
    return 404, "text/plain; charset=utf-8", b"404 Not Found\n"


def _health(status: ServiceStatus | None) -> dict[str, str]:
    if status is None:
        return {"status": "starting"}
    if status.read_only_because is not None:
        return {"status": "read-only", "version": status.version, "reason": scrub(status.read_only_because)}
    return {"status": "ok", "version": status.version}


def _response(
    status: int,
    kind: str = "text/plain; charset=utf-8",
    body: bytes | None = None,
    *,
    silent: bool = False,
    extra: str = "",
) -> bytes:
    body = f"{status} {_REASONS[status]}\n".encode() if body is None else body
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n{extra}Connection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (b"" if silent else body)
