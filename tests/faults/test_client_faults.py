"""What can go wrong between us and a server, one fault a test: its error, its words, how many requests it cost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from pytest_comfygen.engine.client import ComfyClient, Patience
from pytest_comfygen.errors import (
    BadResponse,
    ComfygenError,
    ExecutionFailed,
    GraphRejected,
    Interrupted,
    JobLost,
    JobSilent,
    ModelMissing,
    NodeMissing,
    NoOutput,
    NotComfyUI,
    OutOfMemory,
    ServerFailed,
    ServerTooSlow,
    ServerUnreachable,
    TransferIncomplete,
)
from pytest_comfygen.records import Event, Execution, RemoteImage

if TYPE_CHECKING:
    from tests.faults.conftest import ScriptedServer

GRAPH = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "fault"}},
}
IMAGE = RemoteImage(node="2", filename="a_00001_.png", subfolder="", type="output")
QUICK = Patience(connect_s=0.5, exchange_s=0.15, total_s=0.4)


class FakeTime:
    """A clock that moves when somebody sleeps, and a little whenever somebody looks."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        self.now += 0.0001
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def client(scripted_server: ScriptedServer, fake_time: FakeTime) -> Iterator[ComfyClient]:
    with ComfyClient(scripted_server.url, clock=fake_time.clock, sleep=fake_time.sleep) as client:
        yield client


@pytest.fixture
def hasty_client(scripted_server: ScriptedServer) -> Iterator[ComfyClient]:
    """Real time, for what the kernel waits for: 0.15 s a request, 0.4 s in all."""
    with ComfyClient(scripted_server.url, patience=QUICK) as client:
        yield client


def run(client: ComfyClient, notify: Callable[[Event], None] = lambda _: None) -> Execution:
    prompt_id = str(uuid4())
    client.submit(GRAPH, prompt_id)
    return client.follow(prompt_id, notify)


def error_of(client: ComfyClient) -> ComfygenError:
    """The error of a job from start to end."""
    with pytest.raises(ComfygenError) as caught:
        client.fetch(run(client).images[0])
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


# --- without a fault --------------------------------------------------------------------------------------------------


def test_a_job_goes_through_with_one_request_for_each_step(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    execution = run(client)
    scripted_server.picture = b"bytes"
    assert client.fetch(execution.images[0]) == b"bytes"
    counts = [scripted_server.count(*of) for of in (("POST", "/prompt"), ("GET", "/history"), ("GET", "/view"))]
    assert counts == [1, 1, 1]
    assert execution.timing.run_s == 0.25


def test_a_submission_names_the_job_and_the_client_and_sends_an_object_as_extra_data(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    client.submit(GRAPH, "1b4e28ba-2fa1-4d2e-883f-0016d3cca427")
    sent = scripted_server.seen("POST", "/prompt")[0].json
    assert sent["prompt_id"] == "1b4e28ba-2fa1-4d2e-883f-0016d3cca427"
    assert sent["prompt"] == GRAPH
    assert sent["extra_data"] == {}
    assert len(sent["client_id"]) == 36


# --- N1 to N18: the network -------------------------------------------------------------------------------------------


def test_n1_refused_connections_are_tried_four_times(scripted_server: ScriptedServer, fake_time: FakeTime) -> None:
    scripted_server.close()
    with ComfyClient(scripted_server.url, clock=fake_time.clock, sleep=fake_time.sleep) as client:
        with pytest.raises(ServerUnreachable, match=r"^http://127\.0\.0\.1:\d+ refuses the connection$"):
            client.server_info()
        assert fake_time.slept == [0.2, 0.4, 0.8]
        with pytest.raises(ServerUnreachable, match="refuses the connection"):
            client.submit(GRAPH, str(uuid4()))
        assert fake_time.slept == [0.2, 0.4, 0.8] * 2


@pytest.mark.parametrize("fault", ["reset", "hang_up"])
def test_n2_a_job_that_the_server_took_before_it_hung_up_is_not_sent_again(
    client: ComfyClient, scripted_server: ScriptedServer, fault: str
) -> None:
    scripted_server.on("POST", "/prompt", scripted_server.then(getattr(scripted_server, fault)()))
    assert run(client).images
    assert scripted_server.count("POST", "/prompt") == 1


def test_n2_a_job_that_the_server_took_and_still_has_queued_is_not_sent_again(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    scripted_server.on("POST", "/prompt", scripted_server.then(scripted_server.reset()))
    scripted_server.on("GET", "/queue", scripted_server.queued(pending=("theirs", "ours")))
    client.submit(GRAPH, str(uuid4()))
    assert (scripted_server.count("POST", "/prompt"), scripted_server.count("GET", "/history")) == (1, 0)


def test_n2_a_job_that_the_server_does_not_have_is_sent_once_more_under_the_same_id(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    scripted_server.on("POST", "/prompt", scripted_server.reset(), scripted_server.well)
    assert run(client).images
    first, second = (request.json for request in scripted_server.seen("POST", "/prompt"))
    assert first == second


def test_n2_a_job_is_sent_twice_at_most(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("POST", "/prompt", scripted_server.reset())
    with pytest.raises(ServerUnreachable, match="closes the connection before it answers POST /prompt"):
        client.submit(GRAPH, str(uuid4()))
    assert scripted_server.count("POST", "/prompt") == 2


def test_n3_a_reset_amid_a_picture_is_tried_again(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    whole = b"x" * 100_000
    scripted_server.picture = whole
    scripted_server.on("GET", "/view", scripted_server.cut_short(whole, 9, is_reset=True), scripted_server.well)
    assert client.fetch(IMAGE) == whole
    assert scripted_server.count("GET", "/view") == 2


def test_n4_a_body_shorter_than_its_length_is_tried_again_and_never_returned(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    scripted_server.on("GET", "/view", scripted_server.cut_short(b"x" * 100, 1))
    error = error_of(client)
    assert type(error) is TransferIncomplete
    assert "breaks off in its answer to GET /view" in str(error)
    assert scripted_server.count("GET", "/view") == 4


def test_n5_a_body_without_a_length_is_returned_for_the_picture_to_decide(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    scripted_server.on("GET", "/view", scripted_server.without_length(b"half a pict"))
    assert client.fetch(IMAGE) == b"half a pict"


def test_n5_json_without_a_length_that_breaks_off_is_a_bad_response(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    scripted_server.on("GET", "/queue", scripted_server.without_length(b'{"queue_runn', "application/json"))
    with pytest.raises(BadResponse, match="GET /queue with JSON that is broken"):
        client.queue()


def test_n6_what_follows_a_body_is_not_part_of_it(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/view", scripted_server.too_long(b"picture", b"and more"))
    assert client.fetch(IMAGE) == b"picture"


def test_n7_a_chunked_body_that_is_cut_is_tried_again(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    chunks = (b'{"queue_running":[],', b'"queue_pending":[]}')
    cut, whole = scripted_server.chunked(*chunks), scripted_server.chunked(*chunks, is_whole=True)
    scripted_server.on("GET", "/queue", cut, whole)
    assert client.queue().running == ()
    assert scripted_server.count("GET", "/queue") == 2


def test_n8_a_slow_drip_ends_at_the_deadline(hasty_client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/queue", scripted_server.drip(b'{"queue_running":[],"queue_pending":[]}'))
    start = time.monotonic()
    with pytest.raises(ServerTooSlow, match="did not answer GET /queue in full in time"):
        hasty_client.queue()
    assert time.monotonic() - start < 0.9


def test_n8_a_drip_after_quick_headers_ends_too(hasty_client: ComfyClient, scripted_server: ScriptedServer) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n"
    scripted_server.on("GET", "/view", scripted_server.raw(head, *[b"x"] * 1000, pause_s=0.02))
    with pytest.raises(ServerTooSlow, match="GET /view"):
        hasty_client.fetch(IMAGE)


def test_n9_a_hang_is_tried_again_within_the_total(hasty_client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/system_stats", scripted_server.hang(), scripted_server.well)
    assert hasty_client.server_info().version == "0.3.64"


def test_n9_a_submission_that_hangs_is_looked_for(hasty_client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("POST", "/prompt", scripted_server.then(scripted_server.hang()))
    assert run(hasty_client).images
    assert scripted_server.count("POST", "/prompt") == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_n10_a_server_error_on_a_get_is_tried_again(
    client: ComfyClient, scripted_server: ScriptedServer, status: int
) -> None:
    scripted_server.on("GET", "/history", scripted_server.status(status, "oops"), scripted_server.well)
    assert run(client).images
    assert scripted_server.count("GET", "/history") == 2


def test_n10_a_server_error_that_stays_is_told_with_its_first_line(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    text = "500 Internal Server Error\n\nServer got itself in trouble"
    scripted_server.on("GET", "/queue", scripted_server.status(500, text))
    with pytest.raises(ServerFailed, match=r"answers GET /queue with 500: 500 Internal Server Error$"):
        client.queue()
    assert scripted_server.count("GET", "/queue") == 4


def test_n10_a_server_error_on_a_submission_is_looked_into_before_anything_is_repeated(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    scripted_server.on("POST", "/prompt", scripted_server.then(scripted_server.status(500, "oops")))
    assert run(client).images
    assert scripted_server.count("POST", "/prompt") == 1


def test_n11_retry_after_is_heeded_up_to_ten_seconds(
    client: ComfyClient, scripted_server: ScriptedServer, fake_time: FakeTime
) -> None:
    busy = [scripted_server.status(503, "busy", Retry_After=wait) for wait in ("3", "99999")]
    scripted_server.on("GET", "/queue", *busy, scripted_server.well)
    client.queue()
    assert fake_time.slept == [3.0, 10.0]


def test_n12_too_many_requests_is_waited_for_with_any_method(
    client: ComfyClient, scripted_server: ScriptedServer, fake_time: FakeTime
) -> None:
    scripted_server.on(
        "POST", "/prompt", scripted_server.status(429, "slow down", Retry_After="1"), scripted_server.well
    )
    client.submit(GRAPH, str(uuid4()))
    assert fake_time.slept == [1.0]
    assert scripted_server.count("GET", "/queue") == 0


def test_n13_a_web_page_is_not_comfyui(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/system_stats", scripted_server.html())
    with pytest.raises(NotComfyUI, match=r"as ComfyUI does not \(text/html\): Router login$"):
        client.server_info()
    assert scripted_server.count("GET", "/system_stats") == 1


def test_n13_another_web_server_is_not_comfyui(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/system_stats", scripted_server.html("<h1>Not found</h1>", 404))
    with pytest.raises(NotComfyUI, match="GET /system_stats with 404: Not found"):
        client.server_info()


def test_n13_a_server_that_wants_credentials_is_told_how_to_get_them(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    scripted_server.on("GET", "/system_stats", scripted_server.status(401, "who are you?"))
    with pytest.raises(ServerFailed, match=r"401: who are you\?") as caught:
        client.server_info()
    assert caught.value.hint == "give the header that it wants by COMFYGEN_AUTH"


@pytest.mark.parametrize(
    ("path", "document", "told"),
    [
        ("/queue", [], "GET /queue: the answer is a list, not an object"),
        ("/queue", None, "GET /queue: the answer is nothing, not an object"),
        ("/queue", {"queue_running": []}, "GET /queue: queue_pending is nothing, not a list"),
        ("/queue", {"queue_running": [[0]], "queue_pending": []}, "queue_running[0][1] is nothing, not a text"),
        ("/queue", {"queue_running": [["a", "b"]], "queue_pending": []}, "queue_running[0][0] is a text, not a number"),
        ("/object_info", {"KSampler": 1}, "GET /object_info: KSampler is a number, not an object"),
    ],
)
def test_n14_json_of_another_shape_is_told_with_its_path(
    client: ComfyClient, scripted_server: ScriptedServer, path: str, document: object, told: str
) -> None:
    scripted_server.on("GET", path, scripted_server.json(document))
    with pytest.raises(BadResponse) as caught:
        {"/queue": client.queue, "/object_info": client.object_info}[path]()
    assert told in str(caught.value)


def test_n14_json_that_is_nested_too_deep_is_a_bad_response(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    scripted_server.on("GET", "/queue", scripted_server.status(200, "[" * 100_000, "application/json"))
    with pytest.raises(BadResponse, match="broken or nested too deep"):
        client.queue()


def test_n14_json_that_claims_to_be_huge_is_not_read(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/queue", scripted_server.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n{"))
    with pytest.raises(BadResponse, match="answers GET /queue with more than 64 MiB"):
        client.queue()
    assert scripted_server.count("GET", "/queue") == 1


def test_n14_a_length_that_is_no_number_is_passed_over(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5000)
    scripted_server.on("GET", "/view", scripted_server.raw(head + b"picture"))
    assert client.fetch(IMAGE) == b"picture"


def test_n14_a_picture_that_claims_to_be_huge_is_not_read(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/view", scripted_server.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nx"))
    with pytest.raises(TransferIncomplete, match="answers GET /view with more than 512 MiB"):
        client.fetch(IMAGE)


def test_n15_another_program_on_the_port_is_told_at_once(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/system_stats", scripted_server.banner())
    with pytest.raises(NotComfyUI, match=r"another program than ComfyUI uses http://127\.0\.0\.1:\d+: .* not HTTP"):
        client.server_info()
    assert scripted_server.count("GET", "/system_stats") == 1


def test_n15_something_with_json_of_its_own_is_not_comfyui(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    scripted_server.on("GET", "/system_stats", scripted_server.json({"system": {"uptime": 3}}))
    with pytest.raises(NotComfyUI, match="without naming a ComfyUI version"):
        client.server_info()


def test_n16_no_proxy_stands_before_loopback(
    client: ComfyClient, scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    scripted_server.on("GET", "/ws", scripted_server.websocket())
    assert run(client).images
    scripted_server.say("status")  # the websocket came through as well


def test_n18_a_redirect_is_refused_and_its_target_named_without_what_is_secret_in_it(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    target = "http://user:password@login.example/start?token=secret"
    scripted_server.on("GET", "/system_stats", scripted_server.redirect(target))
    with pytest.raises(NotComfyUI, match=r"redirects GET /system_stats to http://login\.example/start,") as caught:
        client.server_info()
    assert not any(secret in str(caught.value) for secret in ("password", "secret"))
    assert scripted_server.count("GET", "/") == 1


def test_credentials_go_to_the_server_and_into_no_message(scripted_server: ScriptedServer, fake_time: FakeTime) -> None:
    scripted_server.on("GET", "/queue", scripted_server.status(500, "you sent Bearer abcdef-secret"))
    with (
        ComfyClient(
            scripted_server.url, authorization="Bearer abcdef-secret", clock=fake_time.clock, sleep=fake_time.sleep
        ) as client,
        pytest.raises(ServerFailed, match=r"500: you sent Bearer \*\*\*$"),
    ):
        client.queue()
    assert scripted_server.requests[0].headers["authorization"] == "Bearer abcdef-secret"


# --- N19: the websocket -----------------------------------------------------------------------------------------------


def done(server: ScriptedServer, events: list[Event]) -> Callable[[Event], None]:
    """Notes events; at the second step of the sampler the job is finished, and the server says so."""

    def notify(event: Event) -> None:
        events.append(event)
        if event.kind == "progress" and event.value == 2:
            prompt_id = next(iter(server.posted))
            server.on("GET", "/history", server.well)
            server.say("executing", node=None, prompt_id=prompt_id)

    return notify


def test_n19_the_websocket_tells_progress_and_wakes_the_waiter(scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/ws", scripted_server.websocket())
    scripted_server.on("GET", "/history", scripted_server.json({}))
    scripted_server.on("GET", "/queue", scripted_server.queued(running=("ours",)))
    events: list[Event] = []
    with ComfyClient(scripted_server.url) as client:
        prompt_id = str(uuid4())
        client.submit(GRAPH, prompt_id)
        scripted_server.say("execution_start", prompt_id=prompt_id)
        scripted_server.say("executing", node="1", prompt_id=prompt_id)
        scripted_server.say("progress", node="1", value=9, max=9, prompt_id="theirs")
        for step in (1, 2):
            scripted_server.say("progress", node="1", value=step, max=2, prompt_id=prompt_id)
        execution = client.follow(prompt_id, done(scripted_server, events))
    steps = [Event(kind="progress", value=step, maximum=2, text="EmptyImage") for step in (1, 2)]
    assert events == [Event(kind="started"), *steps]
    assert execution.timing.load_s == 0.0
    assert scripted_server.count("GET", "/history") < 10


@pytest.mark.parametrize("is_held", [True, False])
def test_n19_nonsense_and_the_end_of_the_websocket_leave_the_job_alone(
    client: ComfyClient, scripted_server: ScriptedServer, *, is_held: bool
) -> None:
    nonsense: list[dict[str, Any]] = [{"type": "progress"}, {"data": 3, "type": "executing"}, {}]
    scripted_server.on("GET", "/ws", scripted_server.websocket(*nonsense, is_held=is_held))
    assert run(client).images


def test_n19_a_server_without_websocket_is_asked_for_it_once(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    for _ in range(3):
        assert run(client).images
    client.close()
    assert scripted_server.count("GET", "/ws") == 1


# --- S: the server ----------------------------------------------------------------------------------------------------


def test_s4_out_of_memory_has_its_own_error(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on(
        "GET",
        "/history",
        scripted_server.history(
            lambda prompt_id: scripted_server.failure(
                prompt_id,
                "execution_error",
                exception_type="torch.OutOfMemoryError",
                exception_message="Allocation on device 0 would exceed allowed memory.\n\nTips: lower the batch size\n",
            )
        ),
    )
    error = error_of(client)
    assert type(error) is OutOfMemory
    assert error.message == (
        "node 3 (KSampler) failed with OutOfMemoryError: Allocation on device 0 would exceed allowed memory."
    )
    assert "--lowvram" in str(error.hint)


def test_s5_an_execution_error_names_the_node_and_shows_two_frames_and_no_inputs(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    frames = [f'  File "nodes.py", line {n}, in f{n}\n    x{n} = 1\n' for n in range(5)]
    scripted_server.on(
        "GET",
        "/history",
        scripted_server.history(
            lambda prompt_id: scripted_server.failure(
                prompt_id,
                "execution_error",
                exception_type="builtins.ValueError",
                exception_message="bad value\n",
                traceback=frames,
                current_inputs={"api_key": ["secret"]},
            )
        ),
    )
    error = error_of(client)
    assert type(error) is ExecutionFailed
    assert error.message == "node 3 (KSampler) failed with ValueError: bad value"
    assert error.details == (
        '  File "nodes.py", line 3, in f3',
        "    x3 = 1",
        '  File "nodes.py", line 4, in f4',
        "    x4 = 1",
    )


def test_s6_a_silent_job_is_interrupted_by_its_id(scripted_server: ScriptedServer, fake_time: FakeTime) -> None:
    scripted_server.on("GET", "/history", scripted_server.json({}))
    scripted_server.on("GET", "/queue", scripted_server.queued(running=("ours",)))
    with ComfyClient(scripted_server.url, silence_s=30, clock=fake_time.clock, sleep=fake_time.sleep) as client:
        error = error_of(client)
    assert type(error) is JobSilent
    assert error.message == "no sign of progress for 30 s; the job was running, and is interrupted now"
    prompt_id = next(iter(scripted_server.posted))
    assert [r.json for r in scripted_server.seen("POST", "/queue")] == [{"delete": [prompt_id]}]
    assert [r.json for r in scripted_server.seen("POST", "/interrupt")] == [{"prompt_id": prompt_id}]
    assert fake_time.now < 1000 + 32


@pytest.mark.parametrize("name", ["S7 restart", "S15 deleted by somebody"])
def test_s7_s15_a_job_in_neither_queue_nor_history_is_lost(
    client: ComfyClient, scripted_server: ScriptedServer, name: str
) -> None:
    scripted_server.on("GET", "/history", scripted_server.json({}))
    error = error_of(client)
    assert type(error) is JobLost, name
    assert "the server no longer knows the job" in str(error)
    assert (scripted_server.count("GET", "/history"), scripted_server.count("GET", "/queue")) == (2, 1)


def test_s7_a_job_that_ends_between_two_looks_is_not_lost(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/history", scripted_server.json({}), scripted_server.well)
    assert run(client).images


def test_s9_success_without_outputs_is_no_success(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on(
        "GET", "/history", scripted_server.history(lambda prompt_id: scripted_server.success(prompt_id, outputs={}))
    )
    error = error_of(client)
    assert type(error) is NoOutput
    assert error.message == "ComfyUI reports success and names no picture"


def test_s10_a_file_that_is_not_there_is_waited_for_two_seconds(
    client: ComfyClient, scripted_server: ScriptedServer, fake_time: FakeTime
) -> None:
    scripted_server.on("GET", "/view", scripted_server.status(404))
    error = error_of(client)
    assert type(error) is TransferIncomplete
    assert "and does not have it (404)" in str(error)
    assert sum(fake_time.slept) == pytest.approx(2.0, abs=0.15)


def test_s22_a_file_may_come_later_than_the_history(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    missing = scripted_server.status(404)
    scripted_server.on("GET", "/view", missing, missing, scripted_server.well)
    assert client.fetch(run(client).images[0]).startswith(b"\x89PNG")
    assert scripted_server.count("GET", "/view") == 3


def refused(kind: str, *errors: dict[str, Any], class_type: str = "CheckpointLoaderSimple", **error: Any) -> str:
    node_errors = (
        {"4": {"errors": list(errors), "dependent_outputs": ["9"], "class_type": class_type}} if errors else {}
    )
    whole = {"type": kind, "message": "Prompt outputs failed validation", "details": "", "extra_info": {}, **error}
    return json.dumps({"error": whole, "node_errors": node_errors})


MODEL_ABSENT = {
    "type": "value_not_in_list",
    "message": "Value not in list",
    "details": "ckpt_name: 'tiny-c.safetensors' not in ['tiny-a.safetensors']",
    "extra_info": {
        "input_name": "ckpt_name",
        "input_config": [["tiny-a.safetensors"], {}],
        "received_value": "tiny-c.safetensors",
    },
}


def test_s11_a_missing_model_is_told_with_those_that_are_there(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    body = refused("prompt_outputs_failed_validation", MODEL_ABSENT)
    scripted_server.on("POST", "/prompt", scripted_server.status(400, body, "application/json"))
    error = error_of(client)
    assert type(error) is ModelMissing
    assert error.message == (
        "node 4 (CheckpointLoaderSimple) ckpt_name: 'tiny-c.safetensors' is not in the server's list; "
        "did you mean 'tiny-a.safetensors'? It has 'tiny-a.safetensors'"
    )
    assert scripted_server.count("POST", "/prompt") == 1


def test_s11_the_choices_of_a_long_list_are_looked_up(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    extra = {"input_name": "sampler_name", "input_config": None, "received_value": "eulr"}
    body = refused("x", {"type": "value_not_in_list", "extra_info": extra}, class_type="KSampler")
    scripted_server.on("POST", "/prompt", scripted_server.status(400, body, "application/json"))
    assert "did you mean 'euler'" in error_of(client).message
    assert scripted_server.count("GET", "/object_info") == 1
    scripted_server.on("GET", "/object_info", scripted_server.status(404))
    assert "which is empty or not told" in error_of(client).message


def test_a_refusal_without_json_is_told_as_it_is(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("POST", "/prompt", scripted_server.status(400, "bad gateway manners"))
    with pytest.raises(ServerFailed, match="answers POST /prompt with 400: bad gateway manners"):
        client.submit(GRAPH, str(uuid4()))


@pytest.mark.parametrize(
    "body",
    [
        refused(
            "invalid_prompt", message="Cannot execute because node Foo Bar does not exist.", details="Node ID '#7'"
        ),
        refused("missing_node_type", message="new words", extra_info={"node_id": "7", "class_type": "Foo Bar"}),
    ],
)
def test_s12_a_missing_node_class_is_named_by_old_and_new_servers(
    client: ComfyClient, scripted_server: ScriptedServer, body: str
) -> None:
    scripted_server.on("POST", "/prompt", scripted_server.status(400, body, "application/json"))
    error = error_of(client)
    assert type(error) is NodeMissing
    assert error.message == "node 7: the server has no node class 'Foo Bar'"


def test_s13_a_graph_without_outputs_is_refused_in_the_servers_words(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    body = refused("prompt_no_outputs", message="Prompt has no outputs")
    scripted_server.on("POST", "/prompt", scripted_server.status(400, body, "application/json"))
    error = error_of(client)
    assert (type(error), error.message) == (GraphRejected, "ComfyUI refuses the graph: Prompt has no outputs")


def test_s13_node_errors_in_an_accepted_job_reject_it_and_take_it_out_of_the_queue(
    client: ComfyClient, scripted_server: ScriptedServer
) -> None:
    def accept_a_part(request: Any, wire: Any) -> None:
        faults = {"4": {"errors": [MODEL_ABSENT], "class_type": "CheckpointLoaderSimple"}}
        answer = {"prompt_id": request.json["prompt_id"], "number": 1, "node_errors": faults}
        scripted_server.then(scripted_server.json(answer))(request, wire)

    scripted_server.on("POST", "/prompt", accept_a_part)
    scripted_server.on("GET", "/queue", scripted_server.queued(running=("theirs", "ours")))
    error = error_of(client)
    assert type(error) is GraphRejected
    assert error.message.startswith("ComfyUI would run only a part of the graph: node 4 (CheckpointLoaderSimple)")
    ours = next(iter(scripted_server.posted))
    assert [r.json for r in scripted_server.seen("POST", "/queue")] == [{"delete": [ours]}]
    assert [r.json for r in scripted_server.seen("POST", "/interrupt")] == [{"prompt_id": ours}]


def test_s13_a_graph_that_is_too_large_is_refused(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("POST", "/prompt", scripted_server.status(413, "Maximum request body size exceeded"))
    error = error_of(client)
    assert (type(error), error.message) == (GraphRejected, "the graph is too large for the server")


def test_a_server_that_renames_the_job_is_not_followed(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("POST", "/prompt", scripted_server.json({"prompt_id": "7", "number": 1, "node_errors": {}}))
    error = error_of(client)
    assert type(error) is BadResponse
    assert "took the job as '7' instead of" in str(error)


def test_s14_an_interruption_by_somebody_else_is_told(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on(
        "GET",
        "/history",
        scripted_server.history(lambda prompt_id: scripted_server.failure(prompt_id, "execution_interrupted")),
    )
    error = error_of(client)
    assert (type(error), error.message) == (Interrupted, "somebody else interrupted the job at node 3 (KSampler)")


def test_s16_jobs_of_others_are_waited_for_and_each_that_ends_is_a_sign_of_life(
    scripted_server: ScriptedServer, fake_time: FakeTime
) -> None:
    queues = [
        scripted_server.queued(running=("a",), pending=("b", "ours")),
        *[scripted_server.queued(running=("b",), pending=("ours", "c"))] * 8,
        *[scripted_server.queued(running=("ours",), pending=("c",))] * 8,
        scripted_server.queued(),
    ]
    scripted_server.on("GET", "/queue", *queues)
    unfinished = scripted_server.json({})
    scripted_server.on("GET", "/history", unfinished)
    events: list[Event] = []

    def notify(event: Event) -> None:
        events.append(event)
        if event.kind == "started":
            scripted_server.heal()

    with ComfyClient(scripted_server.url, silence_s=6, clock=fake_time.clock, sleep=fake_time.sleep) as client:
        assert run(client, notify).images
    assert [(event.kind, event.value) for event in events] == [("queued", 2), ("queued", 1), ("started", 0)]


def test_s16_jobs_that_others_add_behind_ours_are_no_sign_of_life(
    scripted_server: ScriptedServer, fake_time: FakeTime
) -> None:
    crowd = [scripted_server.queued(running=("a",), pending=("ours", *"bcdefghijkl"[:n])) for n in range(11)]
    scripted_server.on("GET", "/queue", *crowd)
    scripted_server.on("GET", "/history", scripted_server.json({}))
    with ComfyClient(scripted_server.url, silence_s=4, clock=fake_time.clock, sleep=fake_time.sleep) as client:
        error = error_of(client)
    assert type(error) is JobSilent
    assert "still waiting in the queue" in error.message


FILE = {"filename": "a.png", "subfolder": "", "type": "output"}


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"9": {"images": [FILE, {**FILE, "filename": "b.png"}]}}, ["a.png", "b.png"]),
        ({"9": {"images": [FILE]}, "7": {"images": [{**FILE, "type": "temp", "filename": "t.png"}]}}, ["a.png"]),
        ({"7": {"images": [{**FILE, "type": "temp", "filename": "t.png"}]}}, ["t.png"]),
        ({"9": {"gifs": [{**FILE, "filename": "v.mp4", "format": "video/h264"}], "animated": [True]}}, ["v.mp4"]),
        ({"9": {"text": ["a"], "images": [FILE]}}, ["a.png"]),
    ],
)
def test_s21_all_files_are_listed_and_previews_only_when_there_is_nothing_else(
    client: ComfyClient, scripted_server: ScriptedServer, outputs: dict[str, Any], expected: list[str]
) -> None:
    scripted_server.on(
        "GET",
        "/history",
        scripted_server.history(lambda prompt_id: scripted_server.success(prompt_id, outputs=outputs)),
    )
    assert [image.filename for image in run(client).images] == expected


# --- while a job runs -------------------------------------------------------------------------------------------------


def test_a_server_that_dies_while_we_wait_is_told(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/history", scripted_server.json({}), scripted_server.reset())
    scripted_server.on("GET", "/queue", scripted_server.queued(running=("ours",)))
    error = error_of(client)
    assert type(error) is ServerUnreachable
    assert scripted_server.count("GET", "/history") == 5


def test_a_server_that_is_too_busy_to_answer_is_waited_for(scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/history", *[scripted_server.hang()] * 3, scripted_server.well)
    patience = Patience(attempts=1, exchange_s=0.4)
    with ComfyClient(scripted_server.url, patience=patience) as client:
        assert run(client).images
    assert scripted_server.count("GET", "/history") >= 4, "on a busy machine an answer may be late too"


# --- forget -----------------------------------------------------------------------------------------------------------


def test_forget_interrupts_only_what_runs_and_is_ours(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/queue", scripted_server.queued(running=("theirs",), pending=("b",)))
    client.forget(["a", "b"])
    assert [r.json for r in scripted_server.seen("POST", "/queue")] == [{"delete": ["a", "b"]}]
    assert scripted_server.count("POST", "/interrupt") == 0


def test_forgetting_nothing_asks_nothing(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    client.forget([])
    assert scripted_server.requests == []


@pytest.mark.parametrize("fault", ["reset", "html", "banner"])
def test_forget_is_silent_about_a_server_that_fails(
    client: ComfyClient, scripted_server: ScriptedServer, fault: str
) -> None:
    scripted_server.on("POST", "/", getattr(scripted_server, fault)())
    scripted_server.on("GET", "/", getattr(scripted_server, fault)())
    client.forget(["a"])
    assert scripted_server.count("POST", "/queue") == 1


def test_a_rerun_after_the_fault_is_gone_is_green(client: ComfyClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/", scripted_server.banner())
    with suppress(NotComfyUI):
        run(client)
    scripted_server.heal()
    assert run(client).images


def test_no_thread_is_left_after_close(scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/ws", scripted_server.websocket())
    with ComfyClient(scripted_server.url) as client:
        run(client)
        scripted_server.say("status")
    assert [thread.name for thread in threading.enumerate() if thread.name == "comfygen-hints"] == []
