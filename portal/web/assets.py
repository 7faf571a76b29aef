"""Static files: served by WhiteNoise under names that carry a hash of the content, so browsers keep them."""

import hashlib
from pathlib import Path

from flask import Flask
from whitenoise import WhiteNoise

from portal.config import ROOT
from portal.web import compression

FOLDER = ROOT / "static"
_SERVED = ("*.css", "*.js", "*.svg")


def install(app: Flask) -> None:
    """Serves the files of static/ and gives templates `asset('portal.css')`, the address of one."""
    files = [path for pattern in _SERVED for path in sorted(FOLDER.glob(pattern))]
    addresses = {path.name: f"/static/{_hashed_name(path)}" for path in files}
    noise = WhiteNoise(
        app.wsgi_app,
        immutable_file_test=lambda _path, _url: True,
        allow_all_origins=False,
        add_headers_function=lambda headers, _path, _url: headers.add_header(
            "X-Content-Type-Options", "nosniff"
        ),
    )
    for path in files:
        noise.add_file_to_dictionary(addresses[path.name], str(path))
    # How Flask documents WSGI middleware.
    app.wsgi_app = compression.keep_files(noise, "/static/")  # type: ignore[method-assign, assignment]
    app.jinja_env.globals["asset"] = addresses.__getitem__


def _hashed_name(path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return f"{path.stem}.{digest}{path.suffix}"
