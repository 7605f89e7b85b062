"""Calls every operation of /docs/openapi.json with data that schemathesis makes of its schema, valid and broken, into which
ids and values of the living world are put: those that main.ts tells, and those that earlier answers told.

usage: fuzz.py --calls N --seed S, with the world as JSON on stdin (test/fuzz/livingWorld.ts). The last line of stdout is the
verdict as JSON; before it stands each kind of finding once, with a call that shows it. Progress goes to stderr."""

import argparse
import json
import random
import sys
import time

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from memory import Memory, copy_of

CASES_AT_ONCE = 16
SAY_EVERY_S = 5
TIMEOUT_S = 60
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


class Cases:
    """Cases of one operation, made a few at a time: two valid ones for each broken one."""

    def __init__(self, operation, seed):
        self.operation = operation
        self.seed = seed
        self.waiting = []
        self.modes_without_cases = set()

    def next(self, rng, only_valid):
        modes = [GenerationMode.POSITIVE] * 2 + [GenerationMode.NEGATIVE]
        mode = GenerationMode.POSITIVE if only_valid else rng.choice(modes)
        if mode in self.modes_without_cases:
            mode = GenerationMode.POSITIVE
        for index, (made_by, case) in enumerate(self.waiting):
            if made_by == mode:
                del self.waiting[index]
                return mode, case
        self.make(mode)
        return self.next(rng, only_valid)

    def make(self, mode):
        made = []
        self.seed += 1

        @hypothesis.seed(self.seed)
        @hypothesis.settings(
            max_examples=CASES_AT_ONCE,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=self.operation.as_strategy(generation_mode=mode))
        def collect(case):
            made.append((mode, case))

        try:
            collect()
        except hypothesis.errors.HypothesisException:
            # Nothing of an operation without parameters can be broken.
            if mode is GenerationMode.POSITIVE:
                raise
        if not made:
            self.modes_without_cases.add(mode)
        # The first are the simplest, and the same in every batch.
        random.Random(self.seed).shuffle(made)
        self.waiting.extend(made)


class Run:
    def __init__(self, world, calls, seed):
        self.world = world
        self.calls = calls
        self.rng = random.Random(seed)
        self.schema = schemathesis.openapi.from_url(f"{world['apiUrl']}/docs/openapi.json")
        self.operations = [result.ok() for result in self.schema.get_all_operations()]
        self.cases = {
            operation.label: Cases(operation, seed * 1_000_003 + index * 10_007)
            for index, operation in enumerate(self.operations)
        }
        self.memory = Memory(world, self.rng)
        self.session = requests.Session()
        self.made = 0
        self.with_2xx = set()
        self.findings = {}
        self.server_errors = 0
        self.undocumented = 0
        self.statuses = {}

    def all(self):
        """Round after round, each operation once a round: what one makes, the others find."""
        said_at = time.monotonic()
        while self.made < self.calls:
            for operation in self.rng.sample(self.operations, len(self.operations)):
                if self.made == self.calls:
                    break
                self.one(operation)
                if time.monotonic() - said_at > SAY_EVERY_S:
                    said_at = time.monotonic()
                    self.say_progress()

    def one(self, operation):
        """One call that was sent. A case that cannot be put into HTTP at all is left out and another taken."""
        while True:
            case = self.prepare(operation)
            try:
                response = case.call(session=self.session, timeout=TIMEOUT_S, allow_redirects=False)
            except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError, ValueError) as error:
                if isinstance(error, requests.exceptions.JSONDecodeError):
                    raise
                continue
            except requests.exceptions.RequestException as error:
                self.made += 1
                self.server_errors += 1
                self.note(case, "no answer", f"{type(error).__name__}: {error}")
                return
            self.made += 1
            self.judge(case, response)
            return

    def prepare(self, operation):
        label = operation.label
        fresh = label not in self.with_2xx
        # Until it has succeeded once, an operation is called mostly as it wants to be.
        faithful = self.rng.random() < (0.85 if fresh else 0.4)
        repeated = self.memory.repetition(label)
        if repeated is not None:
            return repeated
        mode, case = self.cases[label].next(self.rng, faithful)
        case.headers = {} if case.headers is None else case.headers
        self.authorize(case)
        if "Idempotency-Key" in case.headers and mode is GenerationMode.POSITIVE:
            case.headers["Idempotency-Key"] = self.memory.idempotency_key()
        if faithful or self.rng.random() < 0.5:
            self.memory.put_into(case, 1.0 if faithful else 0.5)
        return case

    def authorize(self, case):
        # Now and then with whatever was made up in its place.
        if self.rng.random() < 0.02:
            return
        case.headers["Authorization"] = f"Bearer {self.world['key']}"

    def judge(self, case, response):
        label = case.operation.label
        status = response.status_code
        self.statuses[(label, status)] = self.statuses.get((label, status), 0) + 1
        if 200 <= status < 300:
            self.with_2xx.add(label)
        if status >= 500:
            self.server_errors += 1
            self.note(case, status, f"server error: {response.text[:300]}")
        try:
            case.validate_response(response, checks=CHECKS)
        except schemathesis.errors.SchemathesisError as error:
            self.note(case, status, f"could not be judged: {error}")
            self.undocumented += 1
        except AssertionError as failure:
            self.undocumented += 1
            self.note(case, status, reason_of(failure))
        except BaseExceptionGroup as failures:
            self.undocumented += 1
            for failure in failures.exceptions:
                self.note(case, status, reason_of(failure))
        self.memory.learn(case, response)

    def note(self, case, status, reason):
        kind = (case.operation.label, status, reason.splitlines()[0][:160])
        finding = self.findings.setdefault(kind, {"times": 0, "reason": reason, "call": call_of(case)})
        finding["times"] += 1

    def say_progress(self):
        words = f"{self.made} of {self.calls} calls, {len(self.with_2xx)} of {len(self.operations)} operations with 2xx"
        print(f"{words}, {len(self.findings)} kinds of findings", file=sys.stderr, flush=True)

    def tell(self):
        for label in sorted({label for label, _ in self.statuses}):
            told = ", ".join(f"{status} × {n}" for (of, status), n in sorted(self.statuses.items()) if of == label)
            print(f"{label}: {told}")
        for (label, status, _), finding in self.findings.items():
            print(f"\n✗ {label} answered {status}, {finding['times']} times: {finding['reason'][:1_500]}\n  {finding['call']}")
        for operation in self.operations:
            if operation.label not in self.with_2xx:
                print(f"\n✗ {operation.label} was never answered 2xx")
        verdict = {
            "calls": self.made,
            "operations": len(self.operations),
            "operationsWith2xx": len(self.with_2xx),
            "serverErrors": self.server_errors,
            "undocumentedResponses": self.undocumented,
        }
        print(json.dumps(verdict, separators=(",", ":")), flush=True)


def reason_of(failure):
    title = getattr(failure, "title", type(failure).__name__)
    return f"{title}: {getattr(failure, 'message', str(failure))}"


def call_of(case):
    """A curl command without the key."""
    headers = {name: value for name, value in (case.headers or {}).items() if name != "Authorization"}
    bare = copy_of(case, headers=headers)
    return bare.as_curl_command({"Authorization": "Bearer $KEY"})[:2_000]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    run = Run(json.load(sys.stdin), options.calls, options.seed)
    run.all()
    run.tell()


main()
