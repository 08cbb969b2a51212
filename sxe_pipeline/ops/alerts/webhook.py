"""The one way out of an alert: JSON, posted to one address.

Here: that it ends in time, and says whether the message was taken. Not here: what is said.
"""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from urllib.parse import urlsplit

from sxe_pipeline import logs

TIMEOUT_S = 5.0
_TRIES = 2


class _StayThere(urllib.request.HTTPRedirectHandler):
    """Follows nobody: the body is for the address that was set, and no other."""

    def redirect_request(self, *_: object) -> None:
        return None


def post(url: str, body: Mapping[str, object], *, timeout_s: float = TIMEOUT_S) -> bool:
    """Send one message; nothing of it raises.

    Tried once more where nobody answered in time or the receiver was in trouble (5xx, 429). A
    redirect is not followed.

    Args:
        url: https, or http on this machine; it is a secret and is never logged.
        body: Words of ours.
        timeout_s: For each try, from the first byte to the status of the answer.

    Returns:
        Whether the receiver took it (2xx).
    """
    for _ in range(_TRIES):
        status = _status_within(url, body, timeout_s)
        if status is not None and status < 500 and status != 429:
            break
    if status is None or not 200 <= status < 300:
        logs.get("ops").warning("alert_not_taken", exit_code=status)
        return False
    return True


def _status_within(url: str, body: Mapping[str, object], timeout_s: float) -> int | None:
    """The status of the answer, on a thread: a socket's timeout starts anew with every byte."""
    answers: list[int] = []

    def ask() -> None:
        status = _status(url, body, timeout_s)
        if status is not None:
            answers.append(status)

    asking = threading.Thread(target=ask, name="alert", daemon=True)
    asking.start()
    asking.join(timeout_s)
    return answers[0] if answers else None


def _status(url: str, body: Mapping[str, object], timeout_s: float) -> int | None:
    handlers: list[urllib.request.BaseHandler] = [_StayThere()]
    if urlsplit(url).scheme == "http":
        # On this machine: no proxy stands between.
        handlers.append(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(  # noqa: S310 - settings let https and loopback pass alone
        url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "sxe-alerts"},
        method="POST",
    )
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout_s) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code
    except (OSError, HTTPException, ValueError):
        return None
