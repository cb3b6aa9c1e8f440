#!/usr/bin/env python3
"""Follows the verdicts from Python, with nothing but redis-py (4.3 or newer; Debian: python3-redis).

Run it while `npm run demo` is running:

    REDIS_URL=<as printed> python3 examples/subscriber.py

The consumer group stores its position. Results left by a crashed consumer are claimed, results that are older than one
already handled for their order are skipped, and results that cannot be handled are parked after some tries.
"""

import json
import os
import signal
import socket
import sys
import time

import redis

PREFIX = os.environ.get("PREFIX") or "payments"
GROUP = "example-python"
CONSUMER = socket.gethostname()
RESULTS = f"{{{PREFIX}}}:results"
PARKED = f"{{{PREFIX}}}:parked:{GROUP}"
RETRY_AFTER_MS = int(os.environ.get("RETRY_AFTER_MS", "30000"))
MAX_TRIES = 10


def handle(event, data):
    """Replace this. If it throws, the result is delivered again, as it may be after a crash."""
    print(event["id"], data["status"], data["reason"] or data["receipt"] or "", flush=True)


def take(client, stream_id, event, tries):
    """Handles one entry and acknowledges it."""
    try:
        guard = f"{{{PREFIX}}}:{GROUP}:handled:{event['subject']}"
        version, at, data = int(event["stateversion"]), event["time"], json.loads(event["data"])
    except (KeyError, ValueError):
        return park(client, stream_id, event, "not a result of payment-poller")
    if is_handled(client.hmget(guard, "position", "version", "time"), stream_id, version, at):
        return client.xack(RESULTS, GROUP, stream_id)
    try:
        handle(event, data)
    except Exception as error:  # of any kind: the next result must not wait for it
        print(f"{event['id']}: {error}", file=sys.stderr, flush=True)
        return park(client, stream_id, event, str(error)) if tries >= MAX_TRIES else None
    with client.pipeline(transaction=True) as done:
        done.hset(guard, mapping={"position": stream_id, "version": version, "time": at})
        done.expire(guard, 100 * 86_400)
        done.xack(RESULTS, GROUP, stream_id)
        done.execute()


def is_handled(known, stream_id, version, at):
    """Was this result, or a newer one of its order, handled before?

    Versions start again where an order id is reused after its record was removed; such a result comes after the old ones
    on the stream and has a later time.
    """
    handled_position, handled_version, handled_at = known
    if handled_position is None:
        return False
    if number(stream_id) <= number(handled_position):
        return True
    return version <= int(handled_version) and at <= handled_at


def number(stream_id):
    ms, nth = stream_id.split("-")
    return int(ms), int(nth)


def park(client, stream_id, event, reason):
    with client.pipeline(transaction=True) as done:
        done.xadd(PARKED, {"streamId": stream_id, "reason": reason[:500], **event})
        done.xack(RESULTS, GROUP, stream_id)
        done.execute()


def create_group(client):
    try:
        client.xgroup_create(RESULTS, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def left_behind(client):
    """Entries delivered long ago and never acknowledged, with their number of deliveries."""
    _next, entries, *_deleted = client.xautoclaim(RESULTS, GROUP, CONSUMER, RETRY_AFTER_MS, "0-0", count=10)
    for stream_id, event in entries:
        if event is None:  # removed from the stream; Redis before 7 still lists it
            continue
        [pending] = client.xpending_range(RESULTS, GROUP, stream_id, stream_id, 1)
        yield stream_id, event, pending["times_delivered"]


def run(client):
    create_group(client)
    while True:
        for stream_id, event, tries in left_behind(client):
            take(client, stream_id, event, tries)
        for _stream, entries in client.xreadgroup(GROUP, CONSUMER, {RESULTS: ">"}, count=10, block=1_000) or []:
            for stream_id, event in entries:
                take(client, stream_id, event, 1)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    url = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379"
    client = redis.Redis.from_url(url, decode_responses=True, socket_timeout=15, health_check_interval=10)
    while True:
        try:
            run(client)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            print(f"Redis does not answer, retrying: {error}", file=sys.stderr, flush=True)
            time.sleep(1)
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
