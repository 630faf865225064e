"""ComfyUI's protocol, spoken by a careful client: its verbs, one method each.

The client names each job itself, so that a job whose submission went wrong can be looked for before it is sent again;
it interrupts and deletes only what it is given by id, and asks for nothing that would change another user's work.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from pytest_comfygen.engine.client import answers, rejections
from pytest_comfygen.engine.client.address import normal_url
from pytest_comfygen.engine.client.follow import Follower, Submission
from pytest_comfygen.engine.client.mail import JobMail, Mail
from pytest_comfygen.engine.client.progress import Hints
from pytest_comfygen.engine.client.transport import Patience, Setback, Transport
from pytest_comfygen.errors import BadResponse, GraphRejected, MachineError, TransferIncomplete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_comfygen.engine.client.answers import Queue
    from pytest_comfygen.engine.client.transport import Answer
    from pytest_comfygen.errors import JobError
    from pytest_comfygen.records import Event, Execution, Graph, History, ObjectInfo, RemoteImage, ServerInfo

__all__ = ["ComfyClient", "Patience"]

INPUT_FOLDER = "comfygen"
PICTURE_LIMIT_BYTES = 512 * 2**20
LATE_FILE_S = 2.0  # a file may come that much later than the history that names it
LATE_FILE_PAUSE_S = 0.1
FORGET_PATIENCE = Patience(attempts=1, connect_s=1.0, exchange_s=2.0)


class ComfyClient:
    """One server, as one process talks to it. Not for several threads at once.

    :param url: the server's address; a path before ComfyUI's own is kept.
    :param silence_s: how long a job may show no sign of progress.
    :param authorization: value of the Authorization header, sent to this server only.
    :param patience: how long and how often one request is tried; bounded by `silence_s`.
    :raises SettingsError: when the address is none.
    """

    def __init__(  # noqa: PLR0913  # the world comes in by arguments
        self,
        url: str,
        *,
        silence_s: float = 600.0,
        authorization: str | None = None,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.url = normal_url(url)
        self._silence_s = silence_s
        self._clock = clock
        self._sleep = sleep
        bounded = (patience or Patience()).within(silence_s)
        self._http = Transport(self.url, authorization=authorization, patience=bounded, clock=clock, sleep=sleep)
        # One id for each client: of two sockets with the same id, ComfyUI would leave one deaf.
        self._client_id = str(uuid4())
        self._hints = Hints(self.url, self._client_id, authorization=authorization, clock=clock)
        self._mail = Mail(self._hints, clock)
        self._sent: dict[str, Submission] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. Jobs stay as they are, see `forget`."""
        self._hints.close()
        self._http.close()

    # --- reading ------------------------------------------------------------------------------------------------------

    def server_info(self) -> ServerInfo:
        """Who answers there.

        :raises MachineError: when nobody does, or not ComfyUI.
        """
        return answers.server_info(self.url, answers.document(self._http.get("/system_stats")))

    def object_info(self) -> ObjectInfo:
        """Every node class that the server has, with its inputs and their choices."""
        return answers.object_info(answers.document(self._http.get("/object_info")))

    def queue(self) -> Queue:
        """The ids of all running and waiting jobs, other people's too."""
        return answers.queue(answers.document(self._http.get("/queue")))

    def history(self, prompt_id: str) -> History | None:
        """What became of a job; None while it is unknown, waiting or running."""
        return answers.history(answers.document(self._http.get(f"/history/{prompt_id}")), prompt_id)

    def fetch(self, image: RemoteImage) -> bytes:
        """The bytes of a file that a job left, as the server has them.

        :raises TransferIncomplete: when it is not there, breaks off each time, or is larger than 512 MiB.
        """
        gives_up_at = self._clock() + LATE_FILE_S
        while (answer := self._view(image)).status == HTTPStatus.NOT_FOUND:
            if self._clock() >= gives_up_at:
                raise TransferIncomplete(
                    f"{self.url} lists {_name(image)} and does not have it (404)",
                    hint="was it deleted from the server's output folder? Run the item again",
                )
            self._sleep(LATE_FILE_PAUSE_S)
        if answer.status != HTTPStatus.OK:
            raise answers.refusal(answer)
        return answer.body

    def _view(self, image: RemoteImage) -> Answer:
        place = {"filename": image.filename, "subfolder": image.subfolder, "type": image.type}
        return self._http.get("/view", place, limit_bytes=PICTURE_LIMIT_BYTES, torn=TransferIncomplete)

    # --- files for jobs to start from ---------------------------------------------------------------------------------

    def send_image(self, content: bytes, suffix: str) -> str:
        """Put a picture, or another file, where LoadImage and its like find it, unless it is there already.

        It is named after its content, so that nobody's picture takes the place of another's.

        :param suffix: such as `.png`.
        :returns: its name, as LoadImage takes it.
        :raises TransferIncomplete: the server does not take it.
        """
        name = f"{sha256(content).hexdigest()[:32]}{suffix}"
        place = {"filename": name, "subfolder": INPUT_FOLDER, "type": "input"}
        there = self._http.head("/view", place)
        if there.status != HTTPStatus.OK or there.length != len(content):
            fields = {"subfolder": INPUT_FOLDER, "type": "input", "overwrite": "true"}
            answer = self._http.send_file("/upload/image", name, content, fields)
            if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                told = f"a file of {len(content) / 2**20:.0f} MiB is too large for the server"
                raise TransferIncomplete(told, hint="start ComfyUI with --max-upload-size")
            if answer.status != HTTPStatus.OK:
                raise answers.refusal(answer)
            taken_as = answers.an_object(answers.document(answer), "POST /upload/image: the answer").get("name")
            if taken_as != name:
                raise BadResponse(f"the server took the picture as {taken_as!r} instead of {name!r}")
        return f"{INPUT_FOLDER}/{name}"

    # --- jobs ---------------------------------------------------------------------------------------------------------

    def submit(self, graph: Graph, prompt_id: str) -> None:
        """Queue a job.

        A submission without a good answer is not repeated before the job was looked for: the server may have it.

        :param prompt_id: a new UUID in its usual spelling; newer servers accept nothing else.
        :raises GraphRejected, NodeMissing, ModelMissing, ValueRefused: when the server refuses the graph, or a part.
        :raises MachineError: when the server does not take it.
        """
        self._hints.watch()
        classes = {node: str(spec.get("class_type", "")) for node, spec in graph.items()}
        self._sent[prompt_id] = Submission(prompt_id, self._clock(), classes)
        self._mail.keep(prompt_id)
        # An `extra_data` that is no object would end ComfyUI's worker for good (0.3.64), so it is always sent.
        request = {"prompt": graph, "prompt_id": prompt_id, "client_id": self._client_id, "extra_data": {}}
        try:
            answer = self._post_once(json.dumps(request, default=dict).encode(), prompt_id)
            if answer is not None:
                self._take(answer, prompt_id)
        except BaseException:
            self._drop(prompt_id)
            raise

    def _drop(self, prompt_id: str) -> None:
        self._sent.pop(prompt_id, None)
        self._mail.drop(prompt_id)

    def _post_once(self, body: bytes, prompt_id: str) -> Answer | None:
        """The server's answer; None when there is none and it has the job nevertheless."""
        for _ in range(2):
            try:
                return self._http.post("/prompt", body)
            except Setback as setback:
                error = setback.error
                if not setback.sent:
                    raise error from None
            if self._has(prompt_id):
                return None
        raise error

    def _has(self, prompt_id: str) -> bool:
        """Whether the server has the job. In this order, for a job moves from the queue to the history at once."""
        return prompt_id in self.queue() or self.history(prompt_id) is not None

    def _take(self, answer: Answer, prompt_id: str) -> None:
        """See that the server took the job, whole and under our name."""
        if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise GraphRejected("the graph is too large for the server", hint="start ComfyUI with --max-upload-size")
        if answer.status == HTTPStatus.BAD_REQUEST:
            raise self._rejection(answer)
        document = answers.document(answer)
        if refused := rejections.partial(document):
            self.forget([prompt_id])
            raise refused
        taken_as = answers.an_object(document, "POST /prompt: the answer").get("prompt_id")
        if taken_as != prompt_id:
            raise BadResponse(
                f"the server took the job as {taken_as!r} instead of {prompt_id!r}, so it cannot be followed"
            )

    def _rejection(self, answer: Answer) -> JobError:
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            raise answers.refusal(answer) from None
        choices: ObjectInfo = {}
        if rejections.needs_choices(document):
            with suppress(MachineError):  # the rejection is the news, the choices are a courtesy
                choices = self.object_info()
        return rejections.rejection(document, choices)

    def follow(self, prompt_id: str, notify: Callable[[Event], None]) -> Execution:
        """Wait until a job is done. The events have no `job`, which only the caller knows.

        Jobs that were submitted behind it wait meanwhile, and what the server says of them is kept for them.

        :raises JobError: when it failed, was interrupted, lost or silent, or left no picture.
        :raises MachineError: when the server does not answer any more.
        """
        job = self._sent.get(prompt_id) or Submission(prompt_id, self._clock())
        self._hints.watch()
        mail = JobMail(self._mail, prompt_id)
        follower = Follower(self, mail, job, notify, silence_s=self._silence_s, clock=self._clock, sleep=self._sleep)
        try:
            return follower.run()
        finally:
            self._drop(prompt_id)

    def forget(self, prompt_ids: Iterable[str]) -> None:
        """Take jobs out of the queue, and interrupt the one that runs. Best effort within seconds; says nothing."""
        unwanted = list(prompt_ids)
        for prompt_id in unwanted:
            self._drop(prompt_id)
        if not unwanted:
            return
        with suppress(MachineError, Setback):
            self._tell("/queue", {"delete": unwanted})
            # Looked at first, because an interrupt that is not ours to send could end somebody else's job.
            for prompt_id in set(self.queue().running).intersection(unwanted):
                self._tell("/interrupt", {"prompt_id": prompt_id})

    def _tell(self, path: str, request: dict[str, object]) -> None:
        self._http.post(path, json.dumps(request).encode(), FORGET_PATIENCE)


def _name(image: RemoteImage) -> str:
    return f"{image.subfolder}/{image.filename}" if image.subfolder else image.filename
