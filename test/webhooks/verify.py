"""Verifies a delivery as a partner in another language would: with PyPI's standardwebhooks, over the raw bytes.

Reads {"secret", "headers", "bodyBase64"} from stdin; prints the event's id, or fails.
"""
import base64
import json
import sys

from standardwebhooks.webhooks import Webhook

given = json.load(sys.stdin)
event = Webhook(given["secret"]).verify(base64.b64decode(given["bodyBase64"]), given["headers"])
print(event["id"])
