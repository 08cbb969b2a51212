"""What lands beside profiles: errors, posts, other networks, broken bytes.

Belongs here: each as the bytes of one line, with the reason it has to be refused for. Not here:
profiles (`shapes`).
"""

import json
from typing import Any

Line = tuple[bytes, str]


def _line(payload: Any) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode()


def _result(user: Any) -> bytes:
    return _line({"data": {"user": {"result": user}}})


X: tuple[Line, ...] = (
    (_result({"__typename": "UserUnavailable", "reason": "Suspended"}), "suspended"),
    (_result({"__typename": "UserUnavailable", "reason": "NoReason"}), "not_found"),
    (_line({"data": {"user": {}}}), "not_found"),
    (_line({"data": {"user": {}}, "errors": [{"message": "DeadlineExceeded", "code": 29}]}),
     "error_body"),
    (_line({"user": {"__typename": "UserUnavailable", "reason": "Suspended"}}), "suspended"),
    (_line({"id": "1700000000000000021", "text": "a post, no profile"}), "not_a_profile"),
    (_line({"colour": "red", "weight": 3}), "unknown_shape"),
    (b'{"user": {"__typename": "User", "rest_id": "17000', "malformed"),
    (b'{"user": {"__typename": "User", "core": {"name": "\xff\xfe"}}}', "encoding"),
    (b'{"id": 1.7000000000000000e+18, "screen_name": "rounded_away"}', "bad_value"),
    (_line({"commit_date": "2199-01-01T00:00:00Z",
            "user": {"__typename": "User", "rest_id": "17", "core": {"screen_name": "too_early"}}}),
     "bad_value"),
)  # fmt: skip
TIKTOK: tuple[Line, ...] = (
    (_line({"userInfo": {"user": {}}, "statusCode": 10221}), "not_found"),
    (_line({"userInfo": {}, "statusCode": 10223}), "suspended"),
    (_line({"data": {}, "error": {"code": "rate_limit_exceeded", "message": "m", "log_id": "l"}}),
     "error_body"),
    (_line({"data": {"display_name": "Nobody", "bio_description": ""}, "error": {"code": "ok"}}),
     "no_account"),
    (b"not even a brace", "malformed"),
)  # fmt: skip
THREADS: tuple[Line, ...] = (
    (_line({"data": {"userData": {"user": None}}}), "not_found"),
    (_line({"error": {"message": "expired", "type": "OAuthException", "code": 190}}), "error_body"),
    (_line({"id": "17841", "username": "insta.only", "name": "Insta", "bio": "", "followers": 3,
            "follows": 4, "threads_handle": "insta.only"}), "unsupported_platform"),
    (_line({"login": "kit", "html_url": "https://github.com/kit"}), "unsupported_platform"),
    (_line({"media_type": "TEXT", "permalink": "https://www.threads.net/", "text": "a post"}),
     "not_a_profile"),
)  # fmt: skip
OF_PLATFORM = {"x": X, "tiktok": TIKTOK, "threads": THREADS}

IN_PAGE: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("data", {"id": "1700000000000000022", "text": "a post among users"}, "not_a_profile"),
    (
        "errors",
        {"resource_type": "user", "title": "Not Found Error", "detail": "Could not find user"},
        "not_found",
    ),
    (
        "errors",
        {"resource_type": "user", "title": "Forbidden", "detail": "User has been suspended"},
        "suspended",
    ),
)
"""What stands in an answer of X API v2 beside its users: where, what, and the reason."""
