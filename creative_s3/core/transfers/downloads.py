"""One download, step by step: look, fetch, prove, put in place; never over other content."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from creative_s3.core import files, objects
from creative_s3.core.faults import translate
from creative_s3.core.transfers.flights import Flight, Reply
from creative_s3.core.transfers.jobs import Job, Surroundings
from creative_s3.core.transfers.outcomes import Download, Outcome, Proof
from creative_s3.errors import (
    ArchivedError,
    ChecksumMismatchError,
    CreativeS3Error,
    ItemError,
    ObjectNotFoundError,
    PreconditionFailedError,
    TemporaryError,
    WouldOverwriteError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from creative_s3.core.models import StoredObject
    from creative_s3.core.transfers.flights import Engine

_NO_CHECKSUM = "S3 holds no checksum of this object, so that only its size was compared"


class DownloadJob(Job):
    """A download on its way."""

    request: Download

    def __init__(self, request: Download, around: Surroundings) -> None:
        super().__init__(request, around)
        self._stored = request.stored
        self._partial: Path | None = None

    @property
    def size_bytes(self) -> int:
        """The object's size; 0 while S3 was not asked."""
        return self._stored.size_bytes if self._stored else 0

    @property
    def prepares_long(self) -> bool:
        """Always: it may ask S3, and compares with a file that is there already."""
        return True

    def prepare(self) -> Outcome | None:
        """Look at the object, at the destination and at the room on the disk."""
        stored = self._known()
        if objects.is_archived(stored):
            raise ArchivedError(
                f"the object is archived ({stored.storage_class})",
                item=self.request.key,
                hint="restore it first: `aws s3api restore-object`, then wait until it is there",
            )
        path = self.request.path
        try:
            if not self.request.replace and (outcome := self._compared(already_there=True)):
                return outcome
            path.parent.mkdir(parents=True, exist_ok=True)
            free_bytes = shutil.disk_usage(path.parent).free
        except OSError as error:
            raise translate(error, item=str(path)) from error
        if free_bytes < stored.size_bytes:
            raise ItemError(
                f"there is no room on the disk: {stored.size_bytes} bytes are needed, {free_bytes} are free",
                item=str(path),
                hint="free some space, then run the same command again",
            )
        self._partial = files.partial_path(path)
        return None

    def send(self, engine: Engine, done: Callable[[Reply], None]) -> Callable[[], None]:
        """Fetch this very version into a temporary file beside the destination."""
        stored, partial = self._known(), self._partial
        assert partial is not None  # noqa: S101 - prepare comes first
        if stored.size_bytes == 0:  # nothing to fetch, and a ranged request for nothing is an error
            partial.touch(exist_ok=False)
            done(Reply())
            return _nothing_to_cancel
        flight = Flight(
            key=self.request.key,
            path=partial,
            size_bytes=stored.size_bytes,
            progress=self.meter.add,
            done=done,
            if_match=stored.etag,
            wants_checksum=stored.crc64nvme is None,
        )
        return engine.get(flight)

    def settle_at_once(self, reply: Reply) -> Outcome | None:  # noqa: ARG002 - the base's signature
        """Never: proving reads the file, and fsync waits for the disk."""
        return None

    def settle(self, reply: Reply) -> Outcome:
        """Prove what arrived and give it its name, or leave nothing behind."""
        try:
            return self._settle(reply)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Remove the temporary file."""
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)

    def _known(self) -> StoredObject:
        """Return the object, asking S3 when LIST's words are not enough."""
        stored = self._stored
        if stored is None or (stored.metadata is None and stored.storage_class in objects.ARCHIVE_CLASSES):
            stored = objects.head(self.around.connection, self.request.key)
            if stored is None:
                raise ObjectNotFoundError(
                    "the object does not exist",
                    item=self.request.key,
                    hint="see what is there with `creative-s3 assets list`",
                )
            self._stored = stored
        return stored

    def _settle(self, reply: Reply) -> Outcome:
        stored, partial, path = self._known(), self._partial, self.request.path
        assert partial is not None  # noqa: S101 - send comes first
        if reply.error is not None:
            raise self._failure(reply.error) from reply.error
        if reply.answer and stored.crc64nvme is None and reply.answer.etag == stored.etag:
            self._crc64nvme = reply.answer.crc64nvme
        proof = self._proof(partial)
        if proof is None:
            raise ChecksumMismatchError(
                "what arrived is not what S3 holds", item=self.request.key, hint="run the same command again"
            )
        try:
            files.sync(partial)
            if self.request.replace:
                files.install_over(partial, path)
            elif not files.install_new(partial, path):
                outcome = self._compared(already_there=True)  # another process was faster
                if outcome is None:
                    raise TemporaryError(
                        "the destination comes and goes", item=str(path), hint="run the command again"
                    )
                return outcome
        except OSError as error:
            raise translate(error, item=str(path)) from error
        return self._success(proof)

    _crc64nvme: str | None = None  # from the answer, where the object was known from a LIST only

    def _failure(self, error: BaseException) -> CreativeS3Error:
        ours = translate(error, item=self.request.key, endpoint_url=self.around.connection.endpoint_url)
        if isinstance(ours, PreconditionFailedError) and self.request.stored is None:
            self._stored = None  # nobody asked for that very version: look again
            return TemporaryError(
                "the object was replaced while it was fetched",
                item=self.request.key,
                hint="run the command again",
            )
        return ours

    def _compared(self, *, already_there: bool) -> Outcome | None:
        """Compare with what is at the destination; None when nothing is."""
        path = self.request.path
        if not os.path.lexists(path):
            return None
        proof = self._proof(path) if path.is_file() and not path.is_symlink() else None
        if proof in {None, Proof.UNVERIFIABLE}:
            raise WouldOverwriteError(
                "a file with other content is already there", item=str(path), hint="use --force to replace it"
            )
        return self._success(proof, already_there=already_there)

    def _proof(self, path: Path) -> Proof | None:
        """Compare a file with the object; None when it is different."""
        stored = self._known()
        if path.stat().st_size != stored.size_bytes:
            return None
        fingerprint, crc64nvme = files.read(path)
        expected = stored.crc64nvme or self._crc64nvme
        if expected is None and stored.metadata is None:  # from a LIST: HEAD knows more
            seen = objects.head(self.around.connection, self.request.key)
            expected = seen.crc64nvme if seen and seen.etag == stored.etag else None
        self._fingerprint = fingerprint
        if expected is not None:
            return Proof.CHECKSUM if crc64nvme == expected else None
        if objects.same_md5(stored, path):
            return Proof.MD5
        return Proof.UNVERIFIABLE

    _fingerprint: files.Fingerprint | None = None

    def _success(self, proof: Proof | None, *, already_there: bool = False) -> Outcome:
        return Outcome(
            request=self.request,
            stored=self._stored,
            proof=proof,
            fingerprint=self._fingerprint,
            already_there=already_there,
            warning=_NO_CHECKSUM if proof is Proof.UNVERIFIABLE else None,
        )


def _nothing_to_cancel() -> None:
    """Stand in for what cancels a transfer."""
