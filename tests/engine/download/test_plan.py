from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_comfygen.engine.download import Access, ask_host, plan_downloads
from pytest_comfygen.engine.models import model_places
from pytest_comfygen.errors import DownloadFailed, HashMismatch, LicenceNotAccepted, Offline, UrlUnknown
from pytest_comfygen.records import ModelPlaces
from tests.engine.download.desk import CONTENT, TOKEN, model
from tests.engine.download.hub import HUB_FILE, Hub, digest

STORE = "https://store.example.net/signed"


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub(files={HUB_FILE: CONTENT, STORE: CONTENT})
    yield hub
    hub.close()


@pytest.fixture
def access(hub: Hub) -> Access:
    return Access.of(hub.environment | {"HF_TOKEN": TOKEN})


@pytest.fixture
def places(tmp_path: Path) -> ModelPlaces:
    (tmp_path / "models" / "checkpoints").mkdir(parents=True)
    return model_places(tmp_path, (), {})


def test_declared_sizes_are_added_up_without_asking(hub: Hub, access: Access, places: ModelPlaces) -> None:
    wanted = [
        model(name="a.sft", size_bytes=3 * 10**9),
        model(name="b.sft", size_bytes=10**9),
        model(name="a.sft", role="again"),
    ]
    plan = plan_downloads(wanted, places, access=access, free=lambda _: 3 * 10**9)
    assert (plan.total_bytes, plan.unknown_sizes) == (4 * 10**9, 0)
    assert [(disk.needed_bytes, disk.free_bytes, disk.is_enough) for disk in plan.disks] == [
        (4 * 10**9, 3 * 10**9, False)
    ]
    assert [each.target for each in plan.downloads] == [
        places.models / "checkpoints" / "a.sft",
        places.models / "checkpoints" / "b.sft",
    ]
    assert hub.requests == []


def test_an_undeclared_size_is_asked_for_and_nothing_else(hub: Hub, access: Access, places: ModelPlaces) -> None:
    plan = plan_downloads([model()], places, access=access)
    assert plan.total_bytes == len(CONTENT)
    assert hub.asked() == ["bytes=0-0"]


def test_hugging_face_tells_the_size_and_the_hash_before_its_store(hub: Hub, access: Access) -> None:
    hub.on(HUB_FILE, hub.redirect(STORE, X_Linked_Size="123", X_Linked_Etag=f'"{digest(CONTENT)}"'))
    assert ask_host(model(), access).size_bytes == 123
    hub.on(HUB_FILE, hub.redirect(STORE, X_Linked_Size="123", X_Linked_Etag=f'"{digest(b"another")}"'))
    assert isinstance(ask_host(model(), access).refusal, HashMismatch)


def test_a_host_without_ranges_tells_the_size_as_well(hub: Hub, access: Access) -> None:
    hub.on(HUB_FILE, hub.status(200, CONTENT))
    assert ask_host(model(), access).size_bytes == len(CONTENT)


def test_nobody_is_asked_when_nobody_may_be(hub: Hub, places: ModelPlaces) -> None:
    plan = plan_downloads([model()], places, access=None)
    assert (plan.downloads[0].size_bytes, plan.unknown_sizes, plan.total_bytes) == (None, 1, 0)
    assert hub.requests == []


def test_what_came_before_is_not_counted_again(access: Access, places: ModelPlaces) -> None:
    part = places.models / "checkpoints" / f"model.safetensors.{digest(CONTENT)[:12]}.part"
    part.write_bytes(CONTENT[:1000])
    plan = plan_downloads([model()], places, access=access)
    assert plan.downloads[0].part_bytes == 1000
    assert plan.total_bytes == len(CONTENT) - 1000


def test_a_refusal_is_part_of_the_plan(hub: Hub, access: Access, places: ModelPlaces) -> None:
    hub.on(HUB_FILE, hub.status(403, X_Error_Code="GatedRepo"))
    (planned,) = plan_downloads([model()], places, access=access).downloads
    assert isinstance(planned.refusal, LicenceNotAccepted)


def test_a_host_that_does_not_answer_is_asked_once(hub: Hub, access: Access) -> None:
    hub.on(HUB_FILE, hub.status(503))
    assert isinstance(ask_host(model(), access).refusal, DownloadFailed)
    assert len(hub.requests) == 1


def test_offline_and_no_address_are_refusals_too(hub: Hub) -> None:
    assert isinstance(ask_host(model(), Access.of({"HF_HUB_OFFLINE": "1"})).refusal, Offline)
    assert isinstance(ask_host(model(url=None), Access.of({})).refusal, UrlUnknown)
    assert hub.requests == []
