#!/usr/bin/env python3
"""Follows the event stream of Keruen and prints each event once, as one line of JSON.

    pip install nats-py
    python3 subscribe.py --server nats://ministry:PASSWORD@127.0.0.1:4222
    python3 subscribe.py --region KZ-62            # what happens in one region, comes there or concerns everybody

The sequence of a message is the position of the event in the log. The program keeps the last position that it has
printed in a file of its own, one for each region, and asks for what comes after it: a consumer in NATS would be gone with
the stream, which may be made again from the log at any time.
"""

import argparse
import asyncio
import pathlib
import re

import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

STREAM = "KERUEN_EVENTS"
SUBJECTS = "keruen.events.v1"


def arguments():
    parser = argparse.ArgumentParser(description="Follow the event stream of Keruen.")
    parser.add_argument("--server", default="nats://127.0.0.1:4222")
    parser.add_argument("--region", type=region, help="ISO 3166-2 code such as KZ-62; without it, everything")
    parser.add_argument("--cursor", type=pathlib.Path, help="file of the last position [keruen.position, or keruen-REGION.position]")
    parser.add_argument("--until", type=int, help="end after the event at this position")
    options = parser.parse_args()
    if options.cursor is None:
        options.cursor = pathlib.Path(f"keruen-{options.region}.position" if options.region else "keruen.position")
    return options


def region(code):
    if not re.fullmatch("[A-Z]{2}-[A-Z0-9]{1,3}", code):
        raise argparse.ArgumentTypeError(f"must be an ISO 3166-2 code such as KZ-62, found {code!r}")
    return code


def stored(cursor):
    """The last position that was printed, and 0 before the first."""
    if not cursor.exists():
        return 0
    text = cursor.read_text().strip()
    if not text.isdecimal():
        raise SystemExit(f"{cursor} must hold a position, found {text!r}; put the last one printed there, or delete it")
    return int(text)


def filters(region):
    if region is None:
        return [f"{SUBJECTS}.>"]
    return [f"{SUBJECTS}.{region}.*.>", f"{SUBJECTS}.*.{region}.>", f"{SUBJECTS}._._.>"]


async def follow(options):
    position = stored(options.cursor)
    connection = await nats.connect(options.server, inbox_prefix=b"_INBOX_MINISTRY")
    stream = connection.jetstream()
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=position + 1,
        ack_policy=AckPolicy.NONE,
        filter_subjects=filters(options.region),
    )
    consumer = await stream.add_consumer(STREAM, config)
    subscription = await stream.pull_subscribe_bind(consumer=consumer.name, stream=STREAM)
    while options.until is None or position < options.until:
        try:
            messages = await subscription.fetch(100, timeout=5)
        except nats.errors.TimeoutError:
            continue
        for message in messages:
            sequence = message.metadata.sequence.stream
            # Without a filter, a gap means that the stream has forgotten events: read those from the log itself.
            if options.region is None and position and sequence != position + 1:
                raise SystemExit(f"after position {position} the stream goes on with {sequence}")
            print(message.data.decode(), flush=True)
            position = sequence
            options.cursor.write_text(str(position))
    await connection.close()


if __name__ == "__main__":
    try:
        asyncio.run(follow(arguments()))
    except KeyboardInterrupt:
        pass
