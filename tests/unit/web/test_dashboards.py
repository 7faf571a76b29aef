"""Links to Horizon and Skyline: none where neither is configured, and ids that can't leave their place."""

from dataclasses import replace
from pathlib import Path

from portal.config import Settings
from portal.domain.vms.casefile import Thing
from portal.web.admin.dashboards import links

BARE = Settings(database_url="", redis_url="", secret_key="", master_keys={}, hot_templates=Path())
BOTH = replace(BARE, horizon_url="https://h.example.org/dashboard/", skyline_url="https://s.example.org")


def test_without_a_dashboard_there_is_no_link() -> None:
    server = Thing("OS::Nova::Server", "server", "s-1", "ACTIVE")
    assert links(server, BARE) == []
    assert [name for name, _ in links(server, replace(BARE, skyline_url="https://s.example.org"))] == [
        "Skyline"
    ]


def test_each_dashboard_has_its_own_paths() -> None:
    assert links(Thing("OS::Neutron::Port", "port", "p-1", ""), BOTH) == [
        ("Horizon", "https://h.example.org/dashboard/project/networks/ports/p-1/detail"),
        ("Skyline", "https://s.example.org/network/port/detail/p-1"),
    ]
    assert links(Thing("OS::Neutron::FloatingIP", "ip", "f-1", ""), BOTH)[0][1].endswith(
        "/project/floating_ips/"
    )


def test_what_no_dashboard_shows_has_no_link() -> None:
    assert links(Thing("OS::Heat::None", "nothing", "n-1", ""), BOTH) == []


def test_a_hostile_id_stays_in_its_place() -> None:
    _, skyline = links(Thing("OS::Heat::Stack", "../../x", "a/b?c#d", ""), BOTH)
    assert skyline[1] == "https://s.example.org/heat/stack/detail/a%2Fb%3Fc%23d/..%2F..%2Fx"
