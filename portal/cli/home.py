"""The folder of a portal that runs on one machine: its secrets, its data, its sockets and ports."""

import base64
import contextlib
import fcntl
import hashlib
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent.parent
SOCKET_PATH_LIMIT = 100  # the kernel takes 107 bytes, the end included


class CantRun(click.ClickException):
    """A plain sentence about why the portal doesn't start."""


@dataclass(frozen=True)
class Home:
    """The folder with everything that outlives a run."""

    path: Path
    cloud: str

    @classmethod
    def of(cls, cloud: str, data: Path) -> "Home":
        """The home for that cloud inside the folder, with its secrets made where they are missing."""
        path = data.resolve() / cloud
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        home = cls(path, cloud)
        home.secret("secret_key", lambda: secrets.token_urlsafe(48))
        home.secret("master_keys", lambda: "1:" + base64.b64encode(secrets.token_bytes(32)).decode())
        home.secret("metrics_token", lambda: secrets.token_urlsafe(24))
        return home

    def secret(self, name: str, make: Callable[[], str]) -> None:
        """Writes a secret once, readable by its owner only."""
        target = self.path / name
        if not target.exists():
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(make() + "\n")

    @property
    def socket(self) -> Path:
        """Valkey's socket; elsewhere when the folder's name is too long for one."""
        path = self.path / "valkey.sock"
        if len(bytes(path)) <= SOCKET_PATH_LIMIT:
            return path
        digest = hashlib.sha256(bytes(path)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"portal-{os.getuid()}-{digest}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise CantRun(f"{folder} belongs to somebody else.")
        return folder / "valkey.sock"

    def environment(self) -> dict[str, str]:
        """The environment of the portal's processes; what the person set stands, see `given`."""
        defaults = {
            "DATABASE_URL": f"sqlite:///{self.path / 'portal.db'}",
            "REDIS_URL": f"unix://{self.socket}",
            "SECRET_KEY_FILE": str(self.path / "secret_key"),
            "PORTAL_MASTER_KEYS_FILE": str(self.path / "master_keys"),
            "METRICS_TOKEN_FILE": str(self.path / "metrics_token"),
            "INSECURE_HTTP": "1",
            # Loopback is reached without the proxy that the outside may need.
            "NO_PROXY": os.environ.get("no_proxy", "127.0.0.1,localhost"),
        }
        missing = {
            name: value for name, value in defaults.items() if name.removesuffix("_FILE") not in self.given
        }
        return os.environ | missing | {"FLASK_APP": "wsgi"}

    @property
    def given(self) -> set[str]:
        """What the person's environment names, as a value or as a file."""
        return {name.removesuffix("_FILE") for name in os.environ}

    def sandbox_port(self) -> int:
        """The sandbox's port: the same each time where it is free, since the portal keeps the address."""
        kept = self.path / "sandbox_port"
        port = int(kept.read_text()) if kept.exists() else 0
        if not port or not is_free(port):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            kept.write_text(str(port))
        return port

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps a second run out of this folder. Raises CantRun where one is there."""
        with (self.path / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CantRun(
                    f"The portal runs already from {shown(self.path)}. Stop that one first."
                ) from None
            yield


def is_free(port: int) -> bool:
    """Whether a server could listen on that port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def shown(path: Path) -> Path:
    """The path as one would type it in the project's folder."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
