"""What of a catalogue is shown, in which order, and which image and size go with an offering."""

from dataclasses import replace

import pytest

from portal.domain.catalog import catalog, shelf
from portal.domain.catalog.models import Flavor, Image
from portal.domain.catalog.shelf import Offering
from portal.domain.tenants.models import Tenant


@pytest.fixture
def offering(lab: Tenant) -> Offering:
    """An offering that asks for nothing of its image and size."""
    plain = {"image_filter": None, "gpu": False, "min_vcpus": 0, "min_ram_mib": 0, "min_disk_gib": 0}
    return replace(shelf.get("ubuntu-basic"), **plain)  # type: ignore[arg-type]  # one value for each field


def flavor(vcpus: int = 1, ram: int = 1024, disk: int = 10, gpus: int = 0) -> Flavor:
    return Flavor(os_id="f", name="f", vcpus=vcpus, ram_mib=ram, disk_gib=disk, gpus=gpus)


def image(ram: int = 0, disk: int = 0) -> Image:
    return Image(os_id="i", name="i", min_ram_mib=ram, min_disk_gib=disk)


def test_images_come_by_system_the_newest_first_and_the_unknown_last(lab: Tenant) -> None:
    found = [one.name for one in catalog.images(lab.id)]
    assert found.index("ubuntu-24.04") < found.index("ubuntu-22.04")
    assert found.index("debian-12") < found.index("rocky-9") < found.index("ubuntu-24.04")
    assert found[-1] == "dummy-raw"


def test_images_are_found_by_name_system_and_id(lab: Tenant) -> None:
    [debian] = catalog.images(lab.id, " DEBIAN ")
    assert catalog.images(lab.id, debian.os_id) == [debian]
    assert {one.os_distro for one in catalog.images(lab.id, distro="ubuntu")} == {"ubuntu"}
    assert catalog.images(lab.id, "debian", distro="ubuntu") == []
    assert catalog.distros(lab.id) == ["debian", "rocky", "ubuntu"]


def test_sizes_come_smallest_first_and_those_with_gpus_last(lab: Tenant) -> None:
    found = catalog.flavors(lab.id)
    assert found[0].name == "m1.tiny"
    assert found[-1].name == "g1.h200x2"
    assert found.index(catalog.flavors(lab.id, "h200x2")[0]) == len(found) - 1
    assert {one.gpus for one in catalog.flavors(lab.id, gpus=True)} == {1, 2}


def test_templates_are_found_by_name_title_and_summary(lab: Tenant) -> None:
    everything = catalog.templates()
    assert catalog.templates("UBUNTU-basic ") == [one for one in everything if one.name == "ubuntu-basic"]
    assert catalog.templates(everything[-1].title)
    assert catalog.templates("no such thing") == []


def test_an_offering_takes_the_images_of_its_system(lab: Tenant, offering: Offering) -> None:
    ubuntu = catalog.images_for(lab.id, replace(offering, image_filter="Ubuntu"))
    assert {one.os_distro for one in ubuntu} == {"ubuntu"}
    assert catalog.images_for(lab.id, offering) == catalog.images(lab.id)


def test_an_offering_whose_system_nobody_has_takes_any(lab: Tenant, offering: Offering) -> None:
    assert catalog.images_for(lab.id, replace(offering, image_filter="plan9")) == catalog.images(lab.id)


@pytest.mark.parametrize(
    ("needs", "has", "words"),
    [
        ({"gpu": True}, flavor(), "It has no GPU."),
        ({"min_vcpus": 2}, flavor(vcpus=1), "It has 1 vCPU; 2 are needed."),
        ({"min_ram_mib": 2048}, flavor(ram=1024), "It has 1 GiB of memory; 2 GiB are needed."),
        ({"min_disk_gib": 20}, flavor(disk=10), "It has 10 GiB of disk; 20 are needed."),
        ({"gpu": True, "min_vcpus": 1}, flavor(gpus=1), None),
        ({"min_disk_gib": 20}, flavor(disk=0), None),
    ],
)
def test_a_size_is_too_small_for_an_offering(
    needs: dict[str, int], has: Flavor, words: str | None, offering: Offering
) -> None:
    assert catalog.too_small(has, replace(offering, **needs), None) == words  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    ("picked", "words"),
    [
        (image(ram=4096), "It has 1 GiB of memory; 4 GiB are needed."),
        (image(disk=40), "It has 10 GiB of disk; 40 are needed."),
        (image(), None),
        (None, None),
    ],
)
def test_a_size_is_too_small_for_an_image(
    picked: Image | None, words: str | None, offering: Offering
) -> None:
    assert catalog.too_small(flavor(), offering, picked) == words
