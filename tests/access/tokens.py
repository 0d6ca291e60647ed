"""Tokens by hand, for tests: RFC 7515's and our own, put together from bytes."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from typing import Any

from vortex.access.principal import Credentials

SECRET = "0123456789abcdef0123456789abcdef"
OTHER_SECRET = "fedcba9876543210fedcba9876543210"


def base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def sealed(signed: str, secret: str = SECRET) -> str:
    return f"{signed}.{base64(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


def ourToken(body: Any, secret: str = SECRET) -> str:
    return sealed(f"v1.{base64(json.dumps(body).encode())}", secret)


def webToken(claims: Any, secret: str = SECRET, **header: Any) -> str:
    head = {"alg": "HS256", "typ": "JWT", **header}
    return sealed(f"{base64(json.dumps(head).encode())}.{base64(json.dumps(claims).encode())}", secret)


def withBody(token: str, body: Any) -> str:
    """*token*, its signature kept and what it says changed."""
    head, _, signature = token.split(".")
    return f"{head}.{base64(json.dumps(body).encode())}.{signature}"


def bearing(token: str) -> Credentials:
    return Credentials(headers={"authorization": f"Bearer {token}"})
