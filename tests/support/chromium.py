"""Where Chromium is on this machine, and how it is started."""

import os
import shutil
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")


def launch_options() -> dict[str, Any]:
    """What Playwright needs to start it. Raises FileNotFoundError with what to install."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise FileNotFoundError("The browser tests need Chromium. On Debian: apt-get install chromium")
    sandbox = [] if os.getuid() else ["--no-sandbox"]  # Chromium's own sandbox refuses to run as root
    return {"executable_path": found, "args": sandbox}
