"""What a process of the run does about servers, without one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.engine.install import Install
from pytest_comfygen.engine.server import Lease
from pytest_comfygen.errors import ServerUnreachable, UrlUnknown
from pytest_comfygen.flows.models import Models
from pytest_comfygen.flows.pictures import Pictures
from pytest_comfygen.flows.plan import Plan, plan_sketch
from pytest_comfygen.flows.premises import Premises
from pytest_comfygen.flows.provision import Machine
from pytest_comfygen.language.expand import make_job
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.plugin.desk import Judges
from pytest_comfygen.plugin.servers import Meeting, Servers
from pytest_comfygen.records import Environment, Job, ObjectInfo, ServerInfo
from pytest_comfygen.settings import resolve

URL = "http://127.0.0.1:9"


class Neighbourly(Machine):
    """A machine on which somebody runs the ComfyUI of our directory."""

    starts_own = False
    serves_our_models = True


def servers_in(tmp_path: Path, plan: Callable[[Job], Plan], **command_line: object) -> Servers:
    premises = Premises(
        settings=resolve(command_line.get, {}, lambda _: None),
        root=tmp_path,
        local_directory=Store(tmp_path).local_directory,
        environment=Environment({}),
        notify=lambda _: None,
        default_url=URL,
    )
    judges = Judges(Pictures(tuple, plan, None), lambda _job, _path: ())
    return Servers(premises, Neighbourly(premises), Models(premises), plan, Store, judges=judges)


@pytest.fixture
def servers(tmp_path: Path) -> Servers:
    return servers_in(tmp_path, lambda job: plan_sketch(job, nonce=""), comfy_download="unverified")


def job(tmp_path: Path) -> Job:
    values = {"prompt": "a dwarf", "checkpoint": "nowhere.safetensors"}
    return make_job(values, name="kin", root=tmp_path, file=tmp_path / "kins.comfyjob.yaml")


def no_install() -> Install:
    pytest.fail("ComfyUI is installed or moved while somebody runs it")


def test_a_download_for_a_server_that_somebody_else_runs_leaves_comfyui_where_it_is(
    servers: Servers, tmp_path: Path
) -> None:
    servers.clients.equip([job(tmp_path)], no_install)


def test_why_a_download_failed_is_told_also_where_the_server_is_somebody_else_s(
    servers: Servers, tmp_path: Path
) -> None:
    servers.clients.equip([job(tmp_path)], no_install)
    with ComfyClient(URL, silence_s=1) as client, pytest.raises(UrlUnknown):
        servers.check(job(tmp_path), Meeting(client, ServerInfo(url=URL, version="0.3.64"), URL))


class Dying(ComfyClient):
    """A client of a server that dies when it is asked what it has, and is asked again after its restart."""

    def __init__(self) -> None:
        super().__init__(URL, silence_s=1)
        self.asked = 0

    def object_info(self) -> ObjectInfo:
        self.asked += 1
        if self.asked == 1:
            raise ServerUnreachable(f"{URL} refuses the connection")
        return {}


class Answering(ComfyClient):
    """A client of a server that has nothing."""

    def __init__(self) -> None:
        super().__init__(URL, silence_s=1)

    def object_info(self) -> ObjectInfo:
        return {}


class Restarting:
    """A lease whose server is dead, until it is restarted."""

    def has_died(self) -> bool:
        return True

    def __init__(self) -> None:
        self.server: Any = SimpleNamespace(is_alive=False, url=URL)

    def restarted(self, *, wedged: bool) -> object:
        assert not wedged
        self.server = SimpleNamespace(is_alive=True, url=URL)
        return self.server


def test_a_server_of_ours_that_dies_before_it_told_what_it_has_is_asked_again(servers: Servers) -> None:
    with Dying() as client:
        lease = cast("Lease", Restarting())
        meeting = Meeting(client, ServerInfo(url=URL, version="0.3.64"), URL, lease)

        assert servers.preflight(meeting, lambda: ())
        assert client.asked == 2
        assert lease.server.is_alive


@pytest.mark.parametrize(("download", "expected"), [(False, 1), ("unverified", 2)])
def test_the_selection_is_planned_again_only_when_models_may_have_come(
    tmp_path: Path, download: object, expected: int
) -> None:
    planned = []

    def plan(job: Job) -> Plan:
        planned.append(job.id)
        return plan_sketch(job, nonce="")

    servers, wanted = servers_in(tmp_path, plan, comfy_download=download), job(tmp_path)
    servers.clients.equip([wanted], no_install)
    with Answering() as client:
        servers.preflight(Meeting(client, ServerInfo(url=URL, version="0.3.64"), URL), lambda: [wanted])

    assert planned == [wanted.id] * expected
