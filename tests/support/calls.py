"""Calls: the portal's OpenStack calls as they are made, and what others do between one and the next."""

import contextlib
from collections.abc import Callable, Iterator

from flask import Flask

from portal.domain.tenants import clouds
from portal.openstack.cloud import Call


@contextlib.contextmanager
def observed() -> Iterator[list[Call]]:
    """The OpenStack calls that this process makes inside."""
    calls: list[Call] = []
    stop = clouds.watch(calls.append)
    try:
        yield calls
    finally:
        stop()


def sign_ins(calls: list[Call]) -> int:
    """How many of the calls asked Keystone for a token."""
    return sum(call.method == "POST" and call.path.endswith("/auth/tokens") for call in calls)


@contextlib.contextmanager
def meanwhile(app: Flask, method: str, service: str, act: Callable[[], object]) -> Iterator[None]:
    """Right after the first such call, before the portal goes on with its answer, somebody else acts."""
    waiting = [act]

    def look(call: Call) -> None:
        if (call.method, call.service) == (method, service) and waiting:
            with app.app_context():
                waiting.pop()()

    stop = clouds.watch(look)
    try:
        yield
    finally:
        stop()
    assert not waiting, f"there was no {method} to {service}"
