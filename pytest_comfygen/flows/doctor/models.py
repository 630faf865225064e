"""The models that the job files name: here, whole, and the right ones; or else whether they could be had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_comfygen.engine.download import Access, Offer, plan_downloads
from pytest_comfygen.engine.download.part import readable_size
from pytest_comfygen.engine.models import ModelHashes, check_weights, find_model
from pytest_comfygen.engine.models.weights import refuse_pickle
from pytest_comfygen.errors import ComfygenError, DownloadFailed, ModelDamaged, PickleRefused
from pytest_comfygen.flows.doctor.codes import finding_of, fine
from pytest_comfygen.flows.doctor.hosts import ask_hosts, host_of
from pytest_comfygen.flows.doctor.visit import Site
from pytest_comfygen.flows.fetch import how_to_get
from pytest_comfygen.flows.models import models_by_key, models_of
from pytest_comfygen.records import (
    FoundModel,
    Job,
    MachineFinding,
    Model,
    ModelPlaces,
    PlannedDownload,
    Severity,
)

__all__ = ["Stock", "take_stock"]

_DECLARED_SIZES_DIFFER = 0.02  # people write 6.94 GB


@dataclass(frozen=True, slots=True)
class Stock:
    """The models that are needed.

    :param users: each model with the jobs that name it.
    :param missing: what would have to be downloaded; its size is as declared, else as its host says.
    """

    site: Site
    places: ModelPlaces
    access: Access
    users: Mapping[Model, tuple[Job, ...]]
    found: Mapping[Model, FoundModel]
    missing: tuple[PlannedDownload, ...]
    offers: Mapping[Model, Offer]

    def findings(self) -> Iterator[MachineFinding]:
        """One for each model, and what the hosts of those that are missing have to say."""
        for found in self.found.values():
            yield self._present(found)
        for planned in self.missing:
            yield from self._missing(planned)
        yield from self._silent_hosts()
        yield from self._tokens()
        if self._would_ask and self.access.is_offline:
            yield MachineFinding(
                code="offline",
                severity="warning",
                subject="HF_HUB_OFFLINE",
                found="it is set, so nothing can be downloaded and no host was asked",
                wanted="not set, or the models brought here by hand",
                command="unset HF_HUB_OFFLINE",
            )

    # --- models that are here -----------------------------------------------------------------------------------------

    def _present(self, found: FoundModel) -> MachineFinding:
        subject = _named(found.model)
        try:
            check_weights(found.path, pickles_allowed=self.site.visit.settings.allow_pickles)
            size_bytes = found.path.stat().st_size
            known = self._hashes().known(found.path)
        except OSError as error:
            unreadable = ModelDamaged(f"{found.path} cannot be read: {error.strerror}", hint="may you read it?")
            return finding_of(unreadable, subject, severity=self._severity)
        except ComfygenError as error:
            command = self._pickles() if isinstance(error, PickleRefused) else ""
            return finding_of(error, subject, severity=self._severity, command=command)
        return self._compared(found, size_bytes, known)

    def _compared(self, found: FoundModel, size_bytes: int, known: str | None) -> MachineFinding:
        model, path = found.model, self.site.visit.shown(found.path)
        if model.sha256 and known and known != model.sha256:
            return MachineFinding(
                code="hash-mismatch",
                severity=self._severity,
                subject=_named(model),
                found=f"{path} has the sha256 {known}",
                wanted=f"{model.sha256}; move the file away to have that one, or correct {self._place(model)}",
            )
        is_verified = bool(model.sha256 and known)
        declared = model.size_bytes
        if declared and not is_verified and abs(size_bytes - declared) > declared * _DECLARED_SIZES_DIFFER:
            return MachineFinding(
                code="size-mismatch",
                severity="warning",
                subject=_named(model),
                found=f"{path} has {readable_size(size_bytes)}",
                wanted=f"{readable_size(declared)}; is it another file than the one in {self._place(model)}?",
            )
        elsewhere = "" if found.is_exact else f", as {found.name}"
        checked = "sha256 as declared" if is_verified else "sha256 not compared yet" if model.sha256 else "no sha256"
        return fine("model", _named(model), f"{readable_size(size_bytes)}{elsewhere}, {checked}")

    @property
    def _severity(self) -> Severity:
        """A file that no server of this run reads keeps nobody from making images."""
        return "error" if self.site.reads_our_models else "note"

    def _hashes(self) -> ModelHashes:
        return ModelHashes(self.site.visit.local / "cache" / "models.json", notify=lambda _: None)

    # --- models that are missing --------------------------------------------------------------------------------------

    @property
    def _would_ask(self) -> bool:
        """Whether there is something to be downloaded for a server that reads this machine's models."""
        return self.site.reads_our_models and any(one.model.url for one in self.missing)

    def _missing(self, planned: PlannedDownload) -> Iterator[MachineFinding]:
        model = planned.model
        if not self.site.reads_our_models:
            yield self._not_here(
                planned, "note", "it is not on this machine, which does not matter if the server has it"
            )
            return
        try:
            refuse_pickle(model.name, pickles_allowed=self.site.visit.settings.allow_pickles)
        except PickleRefused as error:
            yield finding_of(error, _named(model), command=self._pickles())
            return
        refusal = self.offers[model].refusal if model in self.offers else None
        if model.url is None:
            yield self._without_url(model)
        elif refusal and not isinstance(refusal, DownloadFailed):
            yield finding_of(refusal, _named(model))
        else:
            yield self._not_here(planned, "error", "it is not on this machine")
            if model.license:
                yield self._licence(model)

    def _not_here(self, planned: PlannedDownload, severity: Severity, found: str) -> MachineFinding:
        model = planned.model
        size = readable_size(planned.size_bytes) if planned.size_bytes else "size unknown"
        part = f", of which {readable_size(planned.part_bytes)} have come" if planned.part_bytes else ""
        unverified = "" if model.sha256 else "; no sha256 is declared, so it cannot be verified"
        option = True if model.sha256 else "unverified"
        return MachineFinding(
            code="model-missing",
            severity=severity,
            subject=_named(model),
            found=f"{found}; {self._needed_by(model)}",
            wanted=f"{size}{part} from {host_of(model)}{unverified}" if model.url else self._place(model),
            command=self.site.visit.commands.run(download=option) if severity == "error" else "",
        )

    def _without_url(self, model: Model) -> MachineFinding:
        return MachineFinding(
            code="url-unknown",
            severity="error",
            subject=_named(model),
            found=f"it is not on this machine, and nothing says where it can be had; {self._needed_by(model)}",
            wanted=how_to_get(model, self.places),
        )

    def _licence(self, model: Model) -> MachineFinding:
        return MachineFinding(
            code="licence",
            severity="note",
            subject=_named(model),
            found=f"its licence: {model.license}",
            wanted="read it before you download",
        )

    def _silent_hosts(self) -> Iterator[MachineFinding]:
        silent = {host_of(model): offer.refusal for model, offer in self.offers.items()}
        for host, refusal in silent.items():
            if isinstance(refusal, DownloadFailed):
                yield replace(
                    finding_of(refusal, host, severity="warning"),
                    wanted="a network, or a proxy in HTTPS_PROXY; whether it gives the models is not known",
                )

    def _tokens(self) -> Iterator[MachineFinding]:
        """Tokens that are set and would be sent for what is missing; a token that is wanting is told by its host."""
        names: dict[str, str] = {}
        for model in self.offers:
            if self.access.has_token_for(model.url or ""):
                names[_variable(model)] = host_of(model)
        for name, host in names.items():
            yield fine("token", name, f"set, for {host}")

    def _pickles(self) -> str:
        return self.site.visit.commands.run(allow_pickles=True)

    def _needed_by(self, model: Model) -> str:
        first, *others = self.users[model]
        return f"{first.id} needs it" + (f" and {len(others)} more" if others else "")

    def _place(self, model: Model) -> str:
        job = self.users[model][0]
        return str(next(job.place(key) for key, one in models_by_key(job).items() if one == model))


def take_stock(site: Site, places: ModelPlaces, access: Access) -> Stock:
    """Look for every model that the jobs name, and ask the hosts of those that are missing."""
    users = _users(site.jobs)
    looked = {model: find_model(model, places) for model in users}
    found = {model: one for model, one in looked.items() if one}
    missing = [model for model in users if model not in found]
    ask = [one for one in missing if one.url and not _is_refused_pickle(one, site)]
    may_ask = site.reads_our_models and not access.is_offline
    offers = ask_hosts(ask, access, limit_s=site.visit.answer_s) if may_ask else {}
    planned = plan_downloads(missing, places, access=None).downloads
    sized = (replace(one, size_bytes=one.size_bytes or _offered(offers, one.model)) for one in planned)
    return Stock(site, places, access, users, found, tuple(sized), offers)


def _users(jobs: Iterable[Job]) -> dict[Model, tuple[Job, ...]]:
    users: dict[Model, list[Job]] = {}
    for job in jobs:
        for model in dict.fromkeys(models_of(job)):
            users.setdefault(model, []).append(job)
    return {model: tuple(jobs) for model, jobs in users.items()}


def _is_refused_pickle(model: Model, site: Site) -> bool:
    try:
        refuse_pickle(model.name, pickles_allowed=site.visit.settings.allow_pickles)
    except PickleRefused:
        return True
    return False


def _offered(offers: Mapping[Model, Offer], model: Model) -> int | None:
    return offers[model].size_bytes if model in offers else None


def _named(model: Model) -> str:
    return str(Path(model.folder, model.name).as_posix())


def _variable(model: Model) -> str:
    return "CIVITAI_API_TOKEN" if "civitai" in host_of(model) else "HF_TOKEN"
