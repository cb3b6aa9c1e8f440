#!/usr/bin/env python3
"""Receives webhooks of payment-poller and verifies them, with nothing but Python 3.9.

    WEBHOOK_SECRET=whsec_... PORT=8000 python3 examples/webhook.py

The signature is that of https://www.standardwebhooks.com. During a rotation a message carries a signature of the old secret
and one of the new: replace WEBHOOK_SECRET at any time meanwhile.
"""

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ["WEBHOOK_SECRET"]
TOLERANCE_SECONDS = 300
LARGEST_BODY = 1024 * 1024


def is_genuine(secret, message_id, timestamp, signatures, body):
    """True if the message was signed with this secret, not more than five minutes ago. body: the bytes as received."""
    if not message_id or not timestamp.isascii() or not timestamp.isdigit():
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    if not secret.startswith("whsec_"):
        raise ValueError("WEBHOOK_SECRET must be a secret that begins with whsec_")
    key = base64.b64decode(secret[len("whsec_") :], validate=True)
    signed = message_id.encode() + b"." + timestamp.encode() + b"." + body
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    return any(hmac.compare_digest(expected, each.encode()) for each in signatures.split(" "))


def handle(message_id, event):
    """Replace this. A message may come again, with the same message_id: in one transaction, insert the id into a table
    where it is unique, and update the order only if stateversion is higher than the one stored with it."""
    data = event.get("data", {})
    print(event["id"], data.get("status", event["type"]), data.get("reason") or data.get("receipt") or "", flush=True)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        if not 0 <= length <= LARGEST_BODY:
            return self.answer(413)
        body = self.rfile.read(length)
        named = [self.headers.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature")]
        if not is_genuine(SECRET, *named, body):
            return self.answer(401)
        # Anything but a 2xx within ten seconds is sent again. Leave long work to a queue.
        handle(named[0], json.loads(body))
        return self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        """No line per request."""


if __name__ == "__main__":
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000")))
    ThreadingHTTPServer(address, Receiver).serve_forever()
