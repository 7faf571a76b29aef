"""The bell: it tells that a VM is ready on whatever page its owner is meanwhile, and leads there."""

from playwright.sync_api import expect

from tests.browser.person import PATIENCE, Person, new_name


def test_the_bell_tells_of_a_vm_that_got_ready_while_one_was_elsewhere(ada: Person) -> None:
    name = new_name()
    _read_all(ada)
    # The VM's page isn't asked again: on a slow machine it would have told before she left it.
    ada.page.route("**/panel", lambda route: route.fulfill(status=204))
    ada.launch(name=name)
    ada.page.get_by_role("link", name="SSH keys").click()
    bell = ada.page.locator("#bell")
    expect(bell.get_by_text("unread notice")).to_be_attached(timeout=PATIENCE)
    bell.get_by_role("link").click()
    ada.page.get_by_role("link", name=f"{name} is ready").click()
    expect(ada.page.locator("h1")).to_contain_text(name)
    ada.page.goto("/notices/")
    expect(ada.page.locator("li", has_text=name).get_by_text("new", exact=True)).to_have_count(0)


def test_the_bell_is_quiet_as_soon_as_the_vm_is_seen_to_be_ready(ada: Person) -> None:
    _read_all(ada)
    bell = ada.page.locator("#bell").get_by_text("unread notice")
    # The bell is first, and would ask again after a minute.
    ada.page.route("**/panel", lambda route: route.fulfill(status=204))
    ada.launch(name=new_name())
    expect(bell).to_be_attached(timeout=PATIENCE)
    ada.page.unroute("**/panel")
    ada.sees("Active")
    expect(bell).to_have_count(0)


def _read_all(ada: Person) -> None:
    """What other tests launched was told, too."""
    ada.page.goto("/notices/")
    earlier = ada.page.get_by_role("button", name="Mark all as read")
    if earlier.is_visible():
        earlier.click()
        expect(earlier).to_have_count(0)
