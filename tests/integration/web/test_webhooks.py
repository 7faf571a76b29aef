"""How one is told, and webhooks, as people set them up on pages."""

import re

from portal.domain.people import accounts, choices, hooks
from portal.domain.people.models import Channel, Kind, Role, TenantRole, User
from portal.domain.tenants.models import Tenant
from tests.support.page import Page
from tests.support.post import Mailbox, Receiver
from tests.support.world import Worker, add_person


def test_a_member_chooses_how_to_be_told_of_what_concerns_them(
    browser: Page, ada: User, box: Mailbox
) -> None:
    page = browser.get("/account/")
    told = page.form("/account/telling")
    assert "Somebody asks for help" not in page.text
    assert "vm.failed mail" in told.fields["told"]
    assert "vm.ready mail" not in told.fields["told"]
    chosen = [each for each in told.fields["told"] if not each.startswith("vm.failed")] + ["vm.ready mail"]
    done = told.submit(told=chosen)
    assert "You are told as you chose." in done.text
    assert choices.of(ada)[Kind.VM_FAILED] == set()
    assert choices.of(ada)[Kind.VM_READY] == set(Channel)
    assert "vm.ready mail" in done.form("/account/telling").fields["told"]


def test_what_isnt_there_cant_be_chosen_and_says_why(browser: Page, ada: User) -> None:
    page = browser.get("/account/")
    assert "the portal has no mail server" in page.text
    assert page.all("//input[@value='vm.failed mail'][@disabled]")
    page.form("/account/telling").submit()
    assert choices.of(ada)[Kind.VM_FAILED] == set(Channel)


def test_an_admin_is_asked_about_all_kinds(page: Page, root: User) -> None:
    asked = page.sign_in(root).get("/account/").all("//*[@id='telling']//tbody/tr")
    assert len(asked) == len(set(Kind) - choices.FOLLOWS.keys())


def test_a_webhook_is_set_up_tried_and_removed(
    browser: Page, ada: User, receiver: Receiver, work: Worker
) -> None:
    made = browser.get("/account/").form("/account/webhook").submit(url=receiver.url)
    secret = made.one("//main//code[starts-with(text(), 'whsec_')]").text_content()
    account = made.follow("Done")
    assert secret not in account.response.get_data(as_text=True)
    assert "of-mine" not in account.response.get_data(as_text=True)
    waits = account.form("/test").submit("Send a test")
    assert "not tried yet" in waits.text
    work.once()
    assert "Delivered 204" in browser.get("/account/").text
    renewed = browser.get("/account/").form("/secret").submit("New secret")
    again = renewed.one("//main//code[starts-with(text(), 'whsec_')]").text_content()
    assert again != secret
    gone = browser.get("/account/").form("/remove").submit("Remove")
    assert "Nothing is sent there any more." in gone.text
    assert hooks.mine(ada) is None


def test_an_address_that_is_none_is_said_at_its_field_and_kept(browser: Page) -> None:
    for url, words in (
        ("", "missing"),
        ("http://x.org/", "https://"),
        ("https://10.0.0.1/", "private network"),
    ):
        answer = browser.get("/account/").form("/account/webhook").submit(url=url)
        assert answer.status == 422
        assert words in answer.errors["url"]
    assert answer.form("/account/webhook")["url"] == "https://10.0.0.1/"


def test_an_owner_sets_up_the_tenants_webhook_and_a_member_cant(
    page: Page, browser: Page, lab: Tenant, box: Mailbox
) -> None:
    owner = add_person("owner@example.org", Role.MEMBER)
    accounts.join(owner, lab.id, TenantRole.OWNER)
    theirs = page.sign_in(owner).get(f"/members/{lab.id}").follow("Webhook")
    wrong = theirs.form(f"/webhooks/tenants/{lab.id}").submit(url="nothing")
    assert wrong.errors["url"]
    made = wrong.form(f"/webhooks/tenants/{lab.id}").submit(url="https://hooks.example.org/x")
    back = made.follow("Done")
    assert "Messages go to hooks.example.org" in back.text
    assert back.form("/test").submit("Send a test").url == f"/webhooks/tenants/{lab.id}"


def test_an_invitation_and_a_reset_link_go_by_mail_at_a_click(
    page: Page, root: User, ada: User, box: Mailbox, work: Worker
) -> None:
    admin = page.sign_in(root)
    made = admin.get("/admin/people/").form("/invitations").submit(email="new@example.org")
    sent = made.form("/links/invitation/send").submit("Send it by mail")
    assert (sent.url, "on its way to new@example.org" in sent.text) == ("/admin/people/", True)
    made = admin.get(f"/admin/people/{ada.id}").form("/reset-link").submit()
    made.form("/links/reset/send").submit("Send it by mail")
    work.once()
    texts = {letter["To"]: letter.get_body(["plain"]) for letter in box.letters}
    invitation, reset = texts["new@example.org"], texts["ada@example.org"]
    assert invitation
    assert reset
    found = re.search(r"https://portal.example.org(/invitation\?token=\S+)", invitation.get_content())
    assert found
    assert "You are invited to the portal" in Page(page._app).get(found[1]).text
    assert "/reset?token=" in reset.get_content()


def test_a_link_says_that_the_portal_sends_no_mail_where_it_sends_none(page: Page, root: User) -> None:
    made = page.sign_in(root).get("/admin/people/").form("/invitations").submit(email="new@example.org")
    assert "the portal sends no mail" in made.text
    assert not made.all("//form[contains(@action, '/send')]")


def test_system_says_how_mail_and_webhooks_get_on(page: Page, root: User, sam: User) -> None:
    shown = page.sign_in(sam).get("/admin/system/")
    assert "Mail and webhooks" in shown.text
    assert shown.text.count("0 waiting") >= 2
