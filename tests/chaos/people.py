"""Parallel people at the portal's pages: launch, delete and retry, and click again until they get an answer.

`python -m tests.chaos.people URL N SEED SECONDS`; the last line tells what was answered with yes.
"""

import itertools
import json
import random
import re
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import requests

from tests.support.world import PASSWORD

PEOPLE = {"ada@example.org": "tenant-a", "eve@example.org": "tenant-b"}
CROWD = 8
PATIENCE = 240.0  # seconds until somebody gives up on an answer
DELETED, RETRIED, DOUBLED = 0.35, 0.15, 0.3  # how often each is done
_DRAFT = re.compile(r"/launch/([0-9a-f-]{36})/")
_VM = re.compile(r"/vms/([0-9a-f-]{36})")
_SHOWN = re.compile(r'name="shown" value="([^"]+)"')
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass
class Told:
    """What the portal said yes to, by draft."""

    launched: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Person:
    """One browser, signed in."""

    def __init__(self, url: str, email: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        page = self.until(lambda: self.session.get(f"{url}/sign-in", timeout=10), {200})
        found = _TOKEN.search(page.text)
        assert found
        self.token = found.group(1)
        signed_in = self.post("/sign-in", {302}, email=email, password=PASSWORD)
        assert signed_in.status_code == 302
        page = self.until(lambda: self.session.get(f"{url}/launch/", timeout=10), {200})
        found = _TOKEN.search(page.text)
        assert found
        self.token = found.group(1)

    def post(self, path: str, wanted: set[int], **fields: str) -> requests.Response:
        """Clicks until one of the wanted statuses is the answer."""

        def click() -> requests.Response:
            return self.session.post(
                self.url + path,
                {"csrf_token": self.token, **fields},
                headers={"Referer": self.url + path},
                allow_redirects=False,
                timeout=10,
            )

        return self.until(click, wanted)

    def until(self, ask: Callable[[], requests.Response], wanted: set[int]) -> requests.Response:
        deadline = time.monotonic() + PATIENCE
        for number in itertools.count():
            try:
                answer = ask()
                if answer.status_code in wanted:
                    return answer
                if answer.status_code < 500:
                    raise RuntimeError(f"{answer.status_code} for {answer.url}: {answer.text[:500]}")
            except requests.RequestException as error:
                answer = error.response or requests.Response()
            if time.monotonic() > deadline:
                raise RuntimeError(f"no answer in {PATIENCE} s after {number} clicks: {answer.text[:300]}")
            time.sleep(0.3)
        raise AssertionError


def life(person: Person, twin: Person, chance: random.Random, told: Told) -> None:
    """One VM: launched, perhaps by two clicks at once, perhaps retried, perhaps deleted."""
    started = person.post("/launch/", {302}, offering="ubuntu-basic")
    found = _DRAFT.search(started.headers["Location"])
    assert found
    draft = found.group(1)
    review = person.until(
        lambda: person.session.get(f"{person.url}/launch/{draft}/review", timeout=10), {200}
    )
    shown = _SHOWN.search(review.text)
    assert shown

    def submit(by: Person) -> requests.Response:
        return by.post(f"/launch/{draft}/submit", {302, 422}, shown=shown[1])

    if chance.random() < DOUBLED:
        with ThreadPoolExecutor(2) as clicks:
            answer, other = clicks.map(submit, (person, twin))
            answer = answer if answer.status_code == 302 else other
    else:
        answer = submit(person)
    if answer.status_code == 422:
        told.refused.append(draft)
        return
    told.launched.append(draft)
    vm = _VM.search(answer.headers["Location"])
    assert vm
    if chance.random() < RETRIED:
        time.sleep(chance.uniform(1, 8))
        if person.post(f"/vms/{vm.group(1)}/retry", {302, 409, 422}).status_code == 302:
            told.retried.append(draft)
    if chance.random() < DELETED:
        time.sleep(chance.uniform(0, 8))
        while person.post(f"/vms/{vm.group(1)}/delete", {302, 409}, now="1").status_code != 302:
            time.sleep(0.3)
        told.deleted.append(draft)


def main(url: str, number: int, seed: int, seconds: float) -> None:
    """Everybody at once, their launches spread over the time."""
    told, began, turn, emails = Told(), time.monotonic(), itertools.count(), list(PEOPLE)
    lock = threading.Lock()

    def live(one: int) -> None:
        email = emails[one % len(emails)]
        person, twin = Person(url, email), Person(url, email)
        while True:
            with lock:
                mine = next(turn)
            if mine >= number:
                return
            time.sleep(max(0.0, began + seconds * mine / number - time.monotonic()))
            life(person, twin, random.Random(seed * 100_000 + mine), told)

    with ThreadPoolExecutor(CROWD) as crowd:
        for done in [crowd.submit(live, one) for one in range(min(CROWD, max(2, number // 2)))]:
            done.result()
    print(json.dumps(vars(told)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
