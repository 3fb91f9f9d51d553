"""A handler for S3's events, as text: what `bucket notify --example lambda` prints. Data.

Keys in events are written as in a form: spaces as ``+``, other characters percent-encoded (Amazon S3 User
Guide, "Event message structure").
"""

from __future__ import annotations

LAMBDA = '''"""Told by S3 of every new asset. Events may come twice, and in any order."""

from urllib.parse import unquote_plus


def lambda_handler(event, context):
    handled = []
    for record in event.get("Records", []):  # S3's own test event has none
        bucket = record["s3"]["bucket"]["name"]
        # The key is written as in a form: "a+b%26c.png" is the object "a b&c.png".
        key = unquote_plus(record["s3"]["object"]["key"])
        version = record["s3"]["object"].get("versionId")
        # Of two events of one key, the one with the larger sequencer is the later.
        sequencer = record["s3"]["object"].get("sequencer", "")
        print(record["eventName"], f"s3://{bucket}/{key}", version, sequencer)
        # Process the asset here: get_object(Bucket=bucket, Key=key, VersionId=version)
        handled.append(key)
    return {"handled": handled}
'''
