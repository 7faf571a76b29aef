"""What Lighthouse says of the pages that people see most, on a desk and on a phone. Needs npx (Node.js)."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from portal.domain.store.db import db
from tests.bench import report
from tests.bench.pages import sign_in
from tests.support import running
from tests.support.chromium import launch_options
from tests.support.walking import House, furnish

PACKAGE = "lighthouse@12.8.2"
CATEGORIES = ("performance", "accessibility", "best-practices")
# Of each category, out of a hundred.
WANTED = 95
PATIENCE = 300


def measure(folder: Path) -> dict[str, Any]:
    """Scores of home, the list, a step of the wizard and a VM's page; nothing where npx is missing."""
    npx = shutil.which("npx")
    if not npx:
        print("\nLighthouse is left out: it needs npx. On Debian: apt-get install npm")
        return {}
    with running.portal(folder) as portal:
        house = furnish(portal)
        cookie = sign_in(portal.port)
        found = {
            (name, device): _ask(npx, portal.url + address, cookie, device)
            for name, address in _pages(house).items()
            for device in ("desktop", "mobile")
        }
        db.session.remove()
    rows = [(name, device, *scores.values()) for (name, device), scores in found.items()]
    report.table(f"Lighthouse ({WANTED} asked of each)", ("page", "device", *CATEGORIES, "shift"), rows)
    return {f"{name}, {device}": scores for (name, device), scores in found.items()}


def _pages(house: House) -> dict[str, str]:
    """The pages by their names."""
    vm, draft = house.known["vm_id"][0], house.known["draft_id"][0]
    return {
        "home": "/",
        "list": "/vms/",
        "wizard": f"/launch/{draft}/machine",
        "VM page": f"/vms/{vm}",
    }


def _ask(npx: str, url: str, cookie: str, device: str) -> dict[str, float]:
    """Scores out of a hundred, and how far things shifted."""
    chromium = launch_options()
    flags = " ".join(["--headless=new", *chromium["args"]])
    preset = ["--preset=desktop"] if device == "desktop" else []
    asked = [
        *(npx, "--yes", PACKAGE, url, "--quiet", "--output=json"),
        f"--only-categories={','.join(CATEGORIES)}",
        f"--extra-headers={json.dumps({'Cookie': cookie})}",
        f"--chrome-flags={flags}",
        *preset,
    ]
    environment = os.environ | {"CHROME_PATH": chromium["executable_path"]}
    answer = subprocess.run(asked, env=environment, capture_output=True, timeout=PATIENCE, check=True)
    told = json.loads(answer.stdout)
    if told["finalDisplayedUrl"] != url:
        raise ValueError(f"Asked of {url}, Lighthouse looked at {told['finalDisplayedUrl']}.")
    scores = {name: round(told["categories"][name]["score"] * 100) for name in CATEGORIES}
    return scores | {"shift": round(told["audits"]["cumulative-layout-shift"]["numericValue"], 4)}
