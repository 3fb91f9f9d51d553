"""Servers without new checksums or conditional writes: recognised, remembered, each object still proved."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from creative_s3.core.s3.conditions import Conditions, Purpose, Standing
from creative_s3.core.s3.connection import connect
from creative_s3.core.s3.server_memory import REMEMBERED_S
from creative_s3.core.transfers.engine import Proof
from creative_s3.settings import S3Config
from tests.faults.old_server import OldServer, old_server
from tests.faults.workshop import failures
from tests.s3.moving import a_file, an_upload, only, put

if TYPE_CHECKING:
    from collections.abc import Iterator

    from creative_s3.core.s3.connection import Connection
    from tests.s3.moving import EngineName


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of servers is of this test alone."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.fixture
def server() -> Iterator[OldServer]:
    """A server that ignores conditions."""
    with old_server(honours_conditions=False) as running:
        yield running


def connection_to(server: OldServer) -> Connection:
    return connect(S3Config.from_env(env_file=None, bucket_name="bucket", endpoint_url=server.url))


def remembered() -> list[dict[str, object]]:
    folder = Path(os.environ["HOME"]) / ".local/state/creative-s3/servers"
    return [json.loads(path.read_bytes()) for path in folder.glob("*.json")]


def test_a_server_that_ignores_conditions_is_recognised_and_nothing_is_changed_by_that(
    server: OldServer, engine: EngineName, tmp_path: Path
) -> None:
    uploads = [an_upload(a_file(tmp_path, 1000 + n), f"k/{n}") for n in range(5)]

    outcomes = put(connection_to(server), engine, *uploads, max_in_flight=1)

    assert failures(outcomes) == {}
    assert {outcome.proof for outcome in outcomes} == {
        Proof.MD5,
        Proof.READ_BACK,
    }  # until it has shown that it stores
    assert server.objects == {upload.key: upload.path.read_bytes() for upload in uploads}
    # A refused digest tells nothing of conditions, so one object of ours was stored once more as it is.
    assert server.writes == len(uploads) + 1
    assert len([1 for command, _ in server.asked if command == "PUT"]) == len(uploads) + 2
    (known,) = remembered()
    assert known["condition_to_create"] == "ignored"
    assert all("ignores conditions" in (outcome.warning or "") for outcome in outcomes)


def test_an_object_of_somebody_else_is_not_replaced_although_the_server_would(
    server: OldServer, engine: EngineName, tmp_path: Path
) -> None:
    connection = connection_to(server)
    only(put(connection, engine, an_upload(a_file(tmp_path, 10), "first")))
    server.objects["taken"] = b"somebody else's"

    outcome = only(put(connection, engine, an_upload(a_file(tmp_path, 20), "taken")))

    assert outcome.conflict is not None
    assert server.objects["taken"] == b"somebody else's"


def test_a_replacement_goes_over_what_the_plan_saw_and_over_nothing_else(
    server: OldServer, engine: EngineName, tmp_path: Path
) -> None:
    connection = connection_to(server)
    first = only(put(connection, engine, an_upload(a_file(tmp_path, 10), "k")))
    assert first.stored is not None
    new = a_file(tmp_path, 30)

    done = only(put(connection, engine, an_upload(new, "k", if_match=first.stored.etag)))
    assert "ignores conditions on objects that are replaced" in (done.warning or "")
    late = only(put(connection, engine, an_upload(a_file(tmp_path, 40), "k", if_match=first.stored.etag)))

    assert done.error is None
    assert late.error is not None
    assert server.objects["k"] == new.read_bytes()


def test_an_old_server_that_honours_conditions_is_not_looked_at_before_each_write(
    engine: EngineName, tmp_path: Path
) -> None:
    with old_server(honours_conditions=True) as server:
        connection = connection_to(server)
        outcomes = put(connection, engine, *(an_upload(a_file(tmp_path, 10 + n), f"{n}") for n in range(3)))
        asked = len(server.asked)
        again = only(put(connection, engine, an_upload(a_file(tmp_path, 50), "k")))

        assert failures([*outcomes, again]) == {}
        assert not any(outcome.warning for outcome in outcomes)
        assert [command for command, _ in server.asked[asked:]] == ["PUT", "HEAD"]
        assert [known["condition_to_create"] for known in remembered()] == ["honoured"]


def test_a_server_that_looks_at_the_digest_first_is_known_to_honour_conditions(
    engine: EngineName, tmp_path: Path
) -> None:
    with old_server(honours_conditions=True) as server:
        server.looks_at_digests_first = True
        connection = connection_to(server)
        first = only(put(connection, engine, an_upload(a_file(tmp_path, 10), "k")))
        assert first.stored is not None
        done = only(put(connection, engine, an_upload(a_file(tmp_path, 20), "k", if_match=first.stored.etag)))

        assert failures([first, done]) == {}
        assert not first.warning
        assert not done.warning
        assert server.writes == 2
        (known,) = remembered()
        assert (known["condition_to_create"], known["condition_to_replace"]) == ("honoured", "honoured")


def test_what_was_learned_is_forgotten_after_a_week(server: OldServer, tmp_path: Path) -> None:
    connection, now = connection_to(server), 1_000_000.0

    def conditions() -> Conditions:
        return Conditions(server.url, connection.dialect, directory=tmp_path / "servers", clock=lambda: now)

    learn(conditions(), connection)
    assert not conditions().protects(None)
    now += REMEMBERED_S - 1
    assert not conditions().protects(None)
    now += 1
    assert conditions().protects(None)
    assert server.asked == [("PUT", "k")] * 2


def learn(conditions: Conditions, connection: Connection) -> None:
    conditions.learn(
        connection.client,
        Purpose.CREATE,
        content=lambda: b"x",
        arguments={"Bucket": "bucket", "Key": "k"},
        is_unchanged=lambda: True,
    )


def test_an_object_that_another_writer_has_replaced_is_not_stored_again_for_a_question(
    server: OldServer,
) -> None:
    connection = connection_to(server)
    server.objects["k"] = b"of another writer"

    connection.conditions.learn(
        connection.client,
        Purpose.CREATE,
        content=lambda: b"x",
        arguments={"Bucket": "bucket", "Key": "k"},
        is_unchanged=lambda: False,
    )

    assert server.objects["k"] == b"of another writer"
    assert connection.conditions.standing(Purpose.CREATE) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"learned_at": "soon", "condition_to_create": "ignored"}', '{"learned_at": 1}']
)
def test_what_is_remembered_illegibly_is_not_known(server: OldServer, tmp_path: Path, text: str) -> None:
    connection = connection_to(server)
    learn(Conditions(server.url, connection.dialect, directory=tmp_path), connection)
    (path,) = tmp_path.glob("*.json")
    path.write_text(text, encoding="utf-8")

    assert Conditions(server.url, connection.dialect, directory=tmp_path).protects(None)


def test_aws_is_never_asked(tmp_path: Path) -> None:
    connection = connect(S3Config.from_env(None, bucket_name="bucket"))
    conditions = Conditions(None, connection.dialect, directory=tmp_path / "servers")

    learn(conditions, connection)

    assert conditions.standing(Purpose.CREATE) is Standing.HONOURED
    assert not (tmp_path / "servers").exists()


REFUSED = {
    "checksums": ("x-amz-checksum-", "x-amz-sdk-checksum-", "x-amz-trailer"),
    "conditions": ("if-",),
    "tags": ("x-amz-tagging",),
}


@pytest.mark.parametrize(
    "what", [("checksums",), ("conditions",), ("tags",), ("checksums", "conditions", "tags")], ids="+".join
)
def test_what_a_server_refuses_is_left_out_and_each_object_is_proved_all_the_same(
    what: tuple[str, ...], engine: EngineName, tmp_path: Path
) -> None:
    refused = [name for one in what for name in REFUSED[one]]
    uploads = [an_upload(a_file(tmp_path, 1000 + n), f"k/{n}", tags={"a": "b"}) for n in range(4)]
    with old_server(honours_conditions="conditions" not in what, refuses=refused) as server:
        outcomes = put(connection_to(server), engine, *uploads, max_in_flight=2)

        assert failures(outcomes) == {}
        assert {outcome.proof for outcome in outcomes} == {
            Proof.MD5,
            Proof.READ_BACK,
        }  # until it has shown that it stores
        assert server.objects == {upload.key: upload.path.read_bytes() for upload in uploads}
        assert server.writes == len(uploads)
        assert all(outcome.warning for outcome in outcomes)
        (known,) = remembered()
        refused_too = {"replacing"} if "conditions" in what else set()  # both begin with If-
        assert known["refuses"] == sorted({*what, *refused_too})

        asked = len(server.asked)
        other = an_upload(a_file(tmp_path, 70), "other", tags={"a": "b"})
        taken = an_upload(a_file(tmp_path, 80), "k/0", tags={"a": "b"})
        again = put(connection_to(server), "classic", other, taken, max_in_flight=1)

        assert failures(again).keys() == {"k/0"}
        assert server.objects["k/0"] == uploads[0].path.read_bytes()
        puts = [key for command, key in server.asked[asked:] if command == "PUT"]
        assert puts.count("other") == 1  # the next run knows it from the beginning


def test_a_refusal_for_another_reason_teaches_nothing(engine: EngineName, tmp_path: Path) -> None:
    with old_server(honours_conditions=True, refuses=("x-amz-storage-class", "content-type")) as server:
        outcome = only(put(connection_to(server), engine, an_upload(a_file(tmp_path, 10), "k")))

        assert outcome.error is not None
        assert server.objects == {}
        assert not any(known.get("refuses") for known in remembered())


def test_a_server_that_looks_at_no_digest_loses_nothing_by_being_asked(
    engine: EngineName, tmp_path: Path
) -> None:
    with old_server(honours_conditions=True, refuses=("x-amz-tagging",)) as server:
        server.looks_at_digests = False
        upload = an_upload(a_file(tmp_path, 10), "k", tags={"a": "b"})
        outcome = only(put(connection_to(server), engine, upload))

        assert outcome.error is not None
        assert "k" not in server.objects
        assert all(content == b"" for content in server.objects.values())


def test_what_one_thread_asks_changes_no_request_of_another(tmp_path: Path) -> None:
    with old_server(honours_conditions=True, refuses=("x-amz-tagging",)) as server:
        connection = connection_to(server)
        server.objects["taken"] = b"somebody else's"
        refused: list[str] = []

        def write() -> None:
            try:
                connection.client.put_object(Bucket="bucket", Key="taken", Body=b"mine", IfNoneMatch="*")
            except ClientError as error:
                refused.append(error.response["Error"]["Code"])

        def meanwhile() -> None:
            other = threading.Thread(target=write)
            other.start()
            other.join()

        server.before_each_answer = meanwhile
        only(put(connection, "classic", an_upload(a_file(tmp_path, 10), "k", tags={"a": "b"})))

        assert server.objects["taken"] == b"somebody else's"
        assert len(refused) > 1
        assert set(refused) == {"PreconditionFailed"}
