"""Replies of Apollo's as its tests write them by hand."""

import json
from datetime import UTC, datetime

from sxe_pipeline.contacts.adapter import Item, Reply
from sxe_pipeline.contacts.providers.apollo import Apollo

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
APOLLO = Apollo("https://sink.example.com/x")
EMAIL, PHONE, BOTH = ("email",), ("phone",), ("email", "phone")


def item(position=0, person_id=None, **inputs):
    inputs = inputs or {"first_name": "Ana", "last_name": "Diaz", "domain": "example.com"}
    return Item(position, f"card-{position}", inputs, person_id)


def person(
    first="Ana", last="Diaz", domain="example.com", id="p1", email="ana@example.com", **more
):
    work = {"primary_domain": domain} if domain else None
    return {"id": id, "first_name": first, "last_name": last, "organization": work,
            "linkedin_url": None, "email": email, "email_status": "verified", **more}  # fmt: skip


def reply(body, status=200, headers=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, headers or {}, body)


def answered(*matches, credits=1, **more):
    return reply({"status": "success", "credits_consumed": credits, "matches": matches, **more})


def read(given, items=None, groups=EMAIL):
    return APOLLO.read(items or [item()], groups, given, NOW)


def outcomes(answer):
    return [found.outcome for found in answer.findings]


NUMBER = {"raw_number": "(202) 555-0143", "sanitized_number": "+12025550143"}
CARL = {"first_name": "Carl", "last_name": "Ek", "domain": "example.org"}


def result(*people, credits=8):
    return reply({"webhook_result": {"credits_consumed": credits, "people": people}})
