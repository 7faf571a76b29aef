"""A person at a browser: what they do, in their words, and how often they had to click."""

import itertools
import re
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.running import Running

_numbers = itertools.count(1)
# Longer than a VM of the sandbox takes on a busy machine.
PATIENCE = 30_000
# A page that nothing refreshes is looked at again so often, in milliseconds.
PACE = 250
# How a journey is made: `ada` knows whether her browser runs scripts.
_SCRIPT = pytest.param(True, id="script")
_NO_SCRIPT = pytest.param(
    False, id="no-script", marks=pytest.mark.browser_context_args(java_script_enabled=False)
)
with_script_and_without = pytest.mark.parametrize("ada", [_SCRIPT, _NO_SCRIPT], indirect=True)
without_script = pytest.mark.parametrize("ada", [_NO_SCRIPT], indirect=True)


@dataclass
class Person:
    """Somebody in front of a page of the portal."""

    page: Page
    portal: Running
    script: bool = True
    clicks: int = field(default=0)

    def sign_in(self, email: str = "ada@example.org", password: str = "") -> "Person":
        """By the form, with the password that `make run` printed, or this one."""
        self.page.goto("/")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(password or self.password(email))
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page).to_have_title(re.compile("Home"))
        return self

    def password(self, email: str) -> str:
        """What the portal said when it started."""
        return next(line.split()[1] for line in self.portal.said if line.split()[:1] == [email])

    def press(self, name: str) -> "Person":
        """A button or a link in the page itself."""
        main = self.page.locator("main")
        wanted = main.get_by_role("button", name=name).or_(main.get_by_role("link", name=name))
        wanted.first.click()
        self.clicks += 1
        return self

    def begin(self, template: str = "Ubuntu server") -> "Person":
        """The second step of the wizard."""
        self.page.goto("/launch/")
        return self.press(template)

    def launch(self, template: str = "Ubuntu server", *, name: str = "", public: bool = False) -> "Person":
        """A VM with that name, on its page; `public`: with a floating IP."""
        self.begin(template)
        self.page.get_by_label("Name", exact=True).first.fill(name or new_name())
        self.press("Next")
        if public:
            self.page.get_by_role("checkbox", name="Public address").check()
        return self.press("Next").press("Launch")

    def state(self) -> Locator:
        """The conditions in the head of a VM's page."""
        return self.page.locator("#vm .tone").first

    def sees(self, words: str, *, within: float = PATIENCE) -> "Person":
        """Waits until the VM's page says so in its head."""
        said = re.compile(rf"^\s*{re.escape(words)}")  # "Being deleted" isn't "Deleted"
        return self.awaits(self.page.locator("#vm .tone", has_text=said).first, within=within)

    def awaits(self, wanted: Locator, *, within: float = PATIENCE) -> "Person":
        """Waits until the page has it; without script by loading the page again."""
        for _ in range(0 if self.script else int(within / PACE)):
            if wanted.count():
                break
            self.page.wait_for_timeout(PACE)
            self.page.reload()
        expect(wanted).to_be_visible(timeout=within)
        return self


def new_name() -> str:
    """A name that no other test took."""
    return f"browser-{next(_numbers)}"
