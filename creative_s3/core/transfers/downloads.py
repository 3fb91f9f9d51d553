"""One download, step by step: look, fetch, prove, put in place; never over other content."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

from creative_s3.core.faults.translation import translate
from creative_s3.core.files import local_files
from creative_s3.core.files.workspace import kind_of
from creative_s3.core.s3 import objects
from creative_s3.core.transfers.flights import Flight, Reply
from creative_s3.core.transfers.jobs import Job, Surroundings
from creative_s3.core.transfers.mismatches import explained
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

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.files.folders import OpenFolder
    from creative_s3.core.transfers.flights import Engine
    from creative_s3.core.transfers.jobs import Folders

_READ_TOGETHER_BYTES = 4 << 20
_LOOKS = 5
"""How often an object is looked at again that was another one when it was fetched."""
_NO_CHECKSUM = "S3 holds no checksum of this object, so that only its size was compared"


class DownloadJob(Job):
    """A download on its way."""

    request: Download

    def __init__(self, request: Download, around: Surroundings) -> None:
        super().__init__(request, around)
        self._stored = request.stored
        self._folder: OpenFolder | None = None
        self._partial: Path | None = None
        self._is_there = not request.replace
        self._looks_left = _LOOKS

    @property
    def size_bytes(self) -> int:
        """The object's size; 0 while S3 was not asked."""
        return self._stored.size_bytes if self._stored else 0

    @property
    def prepares_long(self) -> bool:
        """Whether S3 has to be asked, or a file that is there has to be read: looks, once for both."""
        self._is_there = not self.request.replace and os.path.lexists(self.request.path)
        return self._is_there or not self._is_known

    def prepare(self) -> Outcome | None:
        """Look at the object, at the destination and at the room on the disk."""
        stored = self._known()
        if objects.is_archived(stored):
            raise ArchivedError(
                f"the object is archived ({stored.storage_class})",
                item=self.request.key,
                hint="restore it first: `aws s3api restore-object`, then wait until it is there",
            )
        try:
            return self._begun(stored.size_bytes)
        except OSError as error:
            self.abandon()
            raise translate(error, item=str(self.request.path)) from error
        except BaseException as error:
            self._rename_item(error)
            self.abandon()
            raise

    def _begun(self, size_bytes: int) -> Outcome | None:
        """Open the folder, and look at what is there."""
        self._folder = self.around.folders.open(self.request.path.parent, self.request.below)
        # What comes into being from here on is met when the download gets its name.
        if self._is_there and (outcome := self._compared(already_there=True)):
            self.abandon()
            return outcome
        if self.request.replace:
            self._check_replaceable()
        free_bytes = self.around.room.take(self.request.path.parent, size_bytes)
        if free_bytes < size_bytes:
            raise ItemError(
                f"there is no room on the disk: {size_bytes} bytes are needed, {free_bytes} are free",
                item=str(self.request.path),
                hint="free some space, then run the same command again",
            )
        self._partial = local_files.partial_path(self._place)
        return None

    @property
    def _place(self) -> Path:
        """The destination, reached through its open folder."""
        assert self._folder is not None  # noqa: S101 - prepare comes first
        return self._folder.at(self.request.path.name)

    def _check_replaceable(self) -> None:
        """See that nothing but a file, or a link to one, would be replaced.

        Raises:
            WouldOverwriteError: It is a folder, a pipe or a device.
        """
        try:
            mode = os.lstat(self._place).st_mode
        except FileNotFoundError:
            return
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise WouldOverwriteError(
                f"{kind_of(mode)} is there, which is not replaced by a file",
                item=str(self.request.path),
                hint="name another file",
            )

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
            if_match=f'"{stored.etag}"' if stored.etag and not self._drops_condition else None,
            wants_checksum=stored.crc64nvme is None,
            is_doubted=self.setbacks > 0,
        )
        return engine.get(flight)

    def settle_at_once(self, reply: Reply) -> Outcome | None:  # noqa: ARG002 - the base's signature
        """Never: proving reads the file, and fsync waits for the disk."""
        return None

    @property
    def settles_long(self) -> bool:
        """Whether the file is large."""
        return self.size_bytes > _READ_TOGETHER_BYTES

    def settle(self, reply: Reply, folders: Folders) -> Outcome:
        """Prove what arrived and give it its name, or leave nothing behind."""
        try:
            return self._settle(reply, folders)
        except CreativeS3Error as error:
            self._rename_item(error)
            raise
        finally:
            self.abandon()

    def _rename_item(self, error: BaseException) -> None:
        """Name a file as the user knows it, and not by its open folder."""
        at = self._folder and str(self._folder.at(""))
        if at and isinstance(error, CreativeS3Error) and (error.item or "").startswith(at):
            error.item = str(self.request.path)

    def abandon(self) -> None:
        """Remove the temporary file, and let go of its folder."""
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)
            self._partial = None
        if self._folder is not None and self.cancel is None:  # else somebody may still write into it
            self._folder.close()
            self._folder = None

    @property
    def _is_known(self) -> bool:
        """Whether enough is known of the object.

        LIST does not tell whether an archived one is restored, and on some servers no ETag.
        """
        stored = self._stored
        return stored is not None and (
            stored.metadata is not None
            or (stored.etag != "" and stored.storage_class not in objects.ARCHIVE_CLASSES)
        )

    def _known(self) -> StoredObject:
        """Return the object, asking S3 when LIST's words are not enough."""
        stored = self._stored
        if stored is None or not self._is_known:
            stored = objects.head(self.around.connection, self.request.key)
            if stored is None:
                raise ObjectNotFoundError(
                    "the object does not exist",
                    item=self.request.key,
                    hint="see what is there with `creative-s3 assets list`",
                )
            self._stored = stored
        return stored

    def _settle(self, reply: Reply, folders: Folders) -> Outcome:
        stored, partial, folder = self._known(), self._partial, self._folder
        assert partial is not None  # noqa: S101 - send comes first
        assert folder is not None  # noqa: S101 - the same
        path = self._place
        if reply.error is not None:
            raise self._explained(self._failure(reply.error), reply) from reply.error
        stored = self._as_answered(stored, reply)
        received = reply.received
        proof = self._proof(
            partial,
            (lambda _: (received.fingerprint, received.crc64nvme)) if received else local_files.read_and_sync,
        )
        if proof is None:
            mismatch = ChecksumMismatchError(
                "what arrived is not what S3 holds", item=self.request.key, hint="run the same command again"
            )
            raise self._explained(mismatch, reply)
        if self.request.check is not None:
            self._checked(partial, self.request.check)
        try:
            local_files.dress(partial, mode=self.request.mode, mtime_ns=self.request.mtime_ns)
            before = local_files.fingerprint(partial)
            if self.request.replace:
                self._check_replaceable()
                partial.replace(path)
            elif not local_files.name_new(partial, path):
                outcome = self._compared(already_there=True)  # another process was faster
                if outcome is None:
                    raise TemporaryError(
                        "the destination comes and goes",
                        item=str(self.request.path),
                        hint="run the command again",
                    )
                return outcome
        except OSError as error:
            raise translate(error, item=str(self.request.path)) from error
        self._partial = None
        self._fingerprint = local_files.renamed(before, path)
        folders.add(folder, self.request.key)
        self._folder = None
        return self._success(proof)

    def _checked(self, partial: Path, check: Callable[[Path], None]) -> None:
        try:
            check(partial)
        except CreativeS3Error as error:
            error.item = self.request.key
            raise

    def _as_answered(self, stored: StoredObject, reply: Reply) -> StoredObject:
        """Compare the answer with the object that was asked for; return what is known of it now.

        Raises:
            CreativeS3Error: It is another version.
        """
        answer = reply.answer
        if answer is None:
            return stored
        if answer.etag and stored.etag and answer.etag != stored.etag:
            raise self._failure(_another(self.request.key))
        if answer.etag and not stored.etag:  # a listing without ETags
            stored = self._stored = replace(stored, etag=answer.etag)
        if stored.crc64nvme is None and answer.etag == stored.etag:
            self._crc64nvme = answer.crc64nvme
            self._has_none = answer.crc64nvme is None and answer.is_telling
        return stored

    # From the answer, where the object was known from a LIST only.
    _crc64nvme: str | None = None
    _has_none = False

    _drops_condition = False

    def _failure(self, error: BaseException) -> CreativeS3Error:
        ours = translate(error, item=self.request.key, endpoint_url=self.around.connection.endpoint_url)
        if not isinstance(ours, PreconditionFailedError):
            return ours
        if self._is_the_same_after_all():
            return TemporaryError(
                "the server refuses the object's own ETag; it is fetched in another way",
                item=self.request.key,
            )
        if self.request.stored is None and self._looks_left:
            self._looks_left -= 1
            self._stored = None  # nobody asked for that very version: look again
            return TemporaryError(
                "the object was replaced while it was fetched",
                item=self.request.key,
                hint="run the command again",
            )
        return ours

    def _explained(self, error: CreativeS3Error, reply: Reply) -> CreativeS3Error:
        return explained(error, reply, self._stored, self.around.connection)

    def _is_the_same_after_all(self) -> bool:
        """Tell whether the version that was asked for is there, and the server only names it differently."""
        connection, stored = self.around.connection, self._stored
        if connection.is_aws or stored is None or self._drops_condition:
            return False
        try:
            seen = objects.head(connection, self.request.key)
            if seen is None or seen.size_bytes != stored.size_bytes:
                return False
            if seen.etag == stored.etag:
                self._drops_condition = True
                return True
            if stored.metadata is not None or objects.listed_etag(connection, seen.key) != stored.etag:
                return False
        except CreativeS3Error:
            return False
        self._stored, self._drops_condition = seen, False  # a listing has another ETag than all other answers
        return True

    def _compared(self, *, already_there: bool) -> Outcome | None:
        """Compare with what is at the destination; None when nothing is."""
        path = self._place
        if not os.path.lexists(path):
            return None
        proof = self._proof(path, local_files.read) if path.is_file() and not path.is_symlink() else None
        if proof in {None, Proof.UNVERIFIABLE}:
            raise WouldOverwriteError(
                "a file with other content is already there",
                item=str(self.request.path),
                hint="use --force to replace it",
            )
        return self._success(proof, already_there=already_there)

    def _proof(self, path: Path, read: Callable[[Path], tuple[local_files.Fingerprint, str]]) -> Proof | None:
        """Compare a file with the object; None when it is different."""
        stored = self._known()
        fingerprint, crc64nvme = read(path)
        if fingerprint.size_bytes != stored.size_bytes:
            return None
        expected = stored.crc64nvme or self._crc64nvme
        if (
            expected is None and stored.metadata is None and not self._has_none
        ):  # LIST said it: HEAD knows more
            seen = objects.head(self.around.connection, self.request.key)
            expected = seen.crc64nvme if seen and seen.etag == stored.etag else None
        self._fingerprint = fingerprint
        if expected is not None:
            return Proof.CHECKSUM if crc64nvme == expected else None
        if not stored.size_bytes or objects.same_md5(stored, path):  # all that is empty is equal
            self._known_crc64nvme = crc64nvme
            return Proof.MD5
        if self.request.crc64nvme is not None:
            self._known_crc64nvme = crc64nvme
            return Proof.RECORD if crc64nvme == self.request.crc64nvme else None
        return None if objects.is_md5(self.around.connection, stored) else Proof.UNVERIFIABLE

    _fingerprint: local_files.Fingerprint | None = None
    _known_crc64nvme: str | None = None

    def _success(self, proof: Proof | None, *, already_there: bool = False) -> Outcome:
        stored = self._stored
        if stored is not None and stored.crc64nvme is None and self._known_crc64nvme is not None:
            stored = replace(stored, crc64nvme=self._known_crc64nvme)
        return Outcome(
            request=self.request,
            stored=stored,
            proof=proof,
            fingerprint=self._fingerprint,
            already_there=already_there,
            warning=_NO_CHECKSUM if proof is Proof.UNVERIFIABLE else None,
        )


def _another(key: str) -> PreconditionFailedError:
    """Return the error for a server that sent another version than it was asked for."""
    return PreconditionFailedError(
        "the object was replaced",
        item=key,
        hint="run the same command again: it plans from what is there now",
    )


def _nothing_to_cancel() -> None:
    """Stand in for what cancels a transfer."""
