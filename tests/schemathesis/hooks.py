"""Gives valid requests a target with which they can succeed, and records the operations that did.

Schemathesis makes up ids and ETags, which do not exist; each operation has its own target in the file that SEEDS names. Until an
operation has succeeded once, its valid requests are sent to that target as a whole; after that, every second one keeps the made-up values.
"""

import json
import os
from pathlib import Path

import schemathesis

SEEDS = json.loads(Path(os.environ["SEEDS"]).read_text())
REACHED = Path(os.environ["REACHED"])

reached = {}
calls = {}
REACHED.write_text("{}")


def is_valid(case):
    return case.meta is None or case.meta.generation.mode.is_positive


@schemathesis.hook
def before_call(context, case, kwargs):
    label = case.operation.label
    # The principal of the token must stay unchanged, or every further request fails.
    if SEEDS["admin"] in (case.path_parameters or {}).values():
        case.path_parameters.update(SEEDS["operations"][label]["path"])
    seed = SEEDS["operations"].get(label)
    if seed is None or not is_valid(case):
        return
    calls[label] = calls.get(label, 0) + 1
    if label in reached and calls[label] % 2:
        return
    if seed["path"]:
        case.path_parameters = {**(case.path_parameters or {}), **seed["path"]}
    for name, value in seed["headers"].items():
        case.headers[name] = value
    if label not in reached:
        case.query = {}
        if seed["headers"].get("If-None-Match"):
            case.headers.pop("If-Match", None)
        if seed["body"] is not None:
            case.body = seed["body"]
        elif case.operation.body and case.method != "PATCH":
            case.body = {}


@schemathesis.hook
def after_call(context, case, response):
    label = case.operation.label
    if response.status_code < 400 and label not in reached:
        reached[label] = response.status_code
        REACHED.write_text(json.dumps(reached))
