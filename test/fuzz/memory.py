"""What the calls know of the world: names and values that main.ts told or answers did, and where they fit."""

import copy
import re
import uuid

from schemathesis.core import NotSet

MOST_OF_A_NAME = 300
MOST_CALLS_KEPT = 100


def singular(segment):
    """`webhook-endpoints` → `webhookEndpoint`."""
    words = segment.removesuffix("s").split("-")
    return words[0] + "".join(word.capitalize() for word in words[1:])


def segments_of(path):
    return [segment for segment in path.split("/")[2:] if segment]


def name_of_ids(path, parameter):
    """`/v1/payments/{id}/confirm`, `id` → `paymentId`; a parameter with a name of its own keeps it."""
    if parameter != "id":
        return parameter
    segments = segments_of(path)
    return f"{singular(segments[segments.index('{id}') - 1])}Id"


def copy_of(case, **changes):
    """The same call; what is changed of one is not changed of the other."""
    names = ["method", "path_parameters", "headers", "cookies", "query"]
    if not isinstance(case.body, NotSet):
        names += ["body", "media_type"]
    parts = {name: copy.deepcopy(getattr(case, name)) for name in names}
    return case.operation.Case(**{**parts, **changes})


class Memory:
    def __init__(self, world, rng):
        self.rng = rng
        self.values = {name: list(known) for name, known in world["values"].items()}
        self.bodies = world["bodies"]
        self.whole = world["whole"]
        self.never = set(world["never"])
        # Fields of what has an id: a body about it may have to repeat them.
        self.fields = {}
        self.next_pages = {}
        self.keys = []
        self.calls = {}

    # Learning

    def learn(self, case, response):
        if not 200 <= response.status_code < 300:
            return
        label = case.operation.label
        if "Idempotency-Key" in (case.headers or {}):
            kept = self.calls.setdefault(label, [])
            kept.append(copy_of(case))
            del kept[:-MOST_CALLS_KEPT]
        try:
            answer = response.json()
        except ValueError:
            return
        if isinstance(answer, dict) and isinstance(answer.get("next"), str):
            self.next_pages[label] = copy_of(case, query={**(case.query or {}), "after": answer["next"]})
        self.see(self.name_of_answer(case, answer), answer)

    def name_of_answer(self, case, answer):
        id_in_path = (case.path_parameters or {}).get("id")
        if id_in_path is not None and isinstance(answer, dict) and answer.get("id") == id_in_path:
            return name_of_ids(case.operation.path, "id").removesuffix("Id")
        return singular([segment for segment in segments_of(case.operation.path) if segment[0] != "{"][-1])

    def see(self, name, node):
        if isinstance(node, list):
            for item in node:
                self.see(name, item)
            return
        if not isinstance(node, dict):
            return
        if isinstance(node.get("id"), str):
            self.keep(f"{name}Id", node["id"])
            if len(self.fields) < 50_000:
                self.fields[node["id"]] = dict(flat(node))
        for key, value in node.items():
            if isinstance(value, (dict, list)):
                self.see(name if key == "data" else key, value)
            elif value is not None and key != "id":
                self.keep(key, value)

    def keep(self, name, value):
        known = self.values.setdefault(name, [])
        if value in known or value in self.never:
            return
        known.append(value)
        if len(known) > MOST_OF_A_NAME:
            del known[self.rng.randrange(len(known))]

    # Using

    def repetition(self, label):
        """The next page of a list, or an earlier call as it was: its key has been used."""
        dice = self.rng.random()
        if dice < 0.1 and label in self.next_pages:
            return self.next_pages.pop(label)
        if dice < 0.15 and self.calls.get(label):
            return copy_of(self.rng.choice(self.calls[label]))
        return None

    def idempotency_key(self):
        if self.keys and self.rng.random() < 0.1:
            return self.rng.choice(self.keys)
        key = str(uuid.UUID(int=self.rng.getrandbits(128)))
        self.keys.append(key)
        return key

    def put_into(self, case, share):
        """Known values in place of made up ones, each with this chance."""
        about = {}
        for parameter in case.path_parameters or {}:
            value = self.pick(name_of_ids(case.operation.path, parameter))
            if value is not None and self.rng.random() < share:
                case.path_parameters[parameter] = value
                about = self.fields.get(value, {})
        for name in case.query or {}:
            value = self.pick(name)
            # A cursor belongs to a list and its filters; see repetition.
            if value is not None and name != "after" and self.rng.random() < share / 2:
                case.query[name] = value
        whole = self.whole.get(case.operation.label)
        if whole is not None and self.rng.random() < share / 2:
            case.body = copy.deepcopy(self.rng.choice(whole))
        elif isinstance(case.body, (dict, list)):
            case.body = self.known(case.body, about, share)
        elif case.media_type in self.bodies and self.rng.random() < share:
            case.body = self.rng.choice(self.bodies[case.media_type])

    def known(self, node, about, share):
        if isinstance(node, list):
            return [self.known(item, about, share) for item in node]
        if not isinstance(node, dict):
            return node
        put = {}
        for name, value in node.items():
            if isinstance(value, (dict, list)):
                put[name] = self.known(value, about, share)
            elif name in about and about[name] is not None and self.rng.random() < share:
                put[name] = about[name]
            else:
                known = self.pick(name)
                # Half of them stay: what is made anew needs a name that nobody knows.
                put[name] = known if known is not None and self.rng.random() < share * self.fit(name) else value
        return put

    @staticmethod
    def fit(name):
        return 1 if re.search(r"(Id|url|Url)$", name) else 0.3

    def pick(self, name):
        """`memberExternalId` may be any `externalId`. The last ones seen are the most alive."""
        known = self.values.get(name)
        if known is None:
            shorter = re.sub(r"^[a-z]+([A-Z])", lambda match: match[1].lower(), name)
            known = self.values.get(shorter) if shorter not in (name, "id") else None
        if not known:
            return None
        return self.rng.choice(known[-8:] if self.rng.random() < 0.4 else known)


def flat(node):
    for key, value in node.items():
        if isinstance(value, dict):
            yield from flat(value)
        else:
            yield key, value
