"""The doctor's look at the connection: credentials, endpoint, clock and region.

Two requests: an unsigned one tells whether a server is there, what it is and what time it has; a signed LIST
of one key tells whether it accepts the credentials. What the LIST says of the bucket is `checks_bucket`'s.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from creative_s3.core.checks.checks import Check, Group, Topic, advice, told
from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.connection import anonymous_client, connect, hurried_client, is_insecure
from creative_s3.core.s3.endpoints import is_aws
from creative_s3.errors import (
    ClockError,
    CreativeS3Error,
    CredentialsError,
    NotS3Error,
    RefusedError,
    SettingsError,
    TemporaryError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from creative_s3.core.s3.connection import Connection
    from creative_s3.settings import S3Config

CREDENTIALS = Topic(Group.CONNECTION, "credentials")
ENDPOINT = Topic(Group.CONNECTION, "endpoint")
CLOCK = Topic(Group.CONNECTION, "clock")
REGION = Topic(Group.CONNECTION, "region")

CLOCK_LIMIT_S = 300
"""AWS refuses requests that are 15 minutes off; a clock that is 5 minutes off will get there."""

_KNOCK_LIMIT_S = 10.0
_SERVER_FAILS = 500

_SOURCES: Mapping[str, str] = {
    "env": "environment variables",
    "shared-credentials-file": "AWS credentials file",
    "config-file": "AWS config file",
    "custom-process": "credential process",
    "assume-role": "assumed role",
    "assume-role-with-web-identity": "web identity",
    "sso": "SSO",
    "login": "AWS login",
    "iam-role": "this machine's role",
    "container-role": "this container's role",
}
"""Words for what botocore calls the source of credentials."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says to somebody it does not know.

    Attributes:
        endpoint_url: Who was asked.
        status: The HTTP status; any is a sign of life.
        server: Its Server header, or empty.
        region: The bucket's region, if the server names one.
        clock_off_s: How far this machine's clock is ahead of the server's, in seconds; None if not told.
        took_s: How long it took to answer.
    """

    endpoint_url: str
    status: int
    server: str = ""
    region: str | None = None
    clock_off_s: float | None = None
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Visit:
    """What the bucket's checks need: a client that gives up soon, and what is known already.

    Attributes:
        client: Signs with the credentials.
        config: The settings.
        endpoint_url: The address that was chosen; None for that which the region has on AWS.
        server: The Server header.
        page: The first page of the listing, one key at most; None when it failed.
        error: Why it failed.
        connection: What the client was made from, with that client.
    """

    client: Any = field(repr=False)
    config: S3Config
    endpoint_url: str | None
    server: str
    page: Mapping[str, Any] | None = None
    error: CreativeS3Error | None = None
    connection: Connection | None = None

    @property
    def is_aws(self) -> bool:
        """Whether this is AWS itself."""
        return is_aws(self.endpoint_url)


@dataclass(frozen=True, slots=True)
class Meeting:
    """What came of meeting the server.

    Attributes:
        checks: Credentials, endpoint, clock, region.
        visit: For the bucket's checks, which close its client; None when they cannot be tried.
        has_credentials: Whether any were found.
    """

    checks: tuple[Check, ...]
    visit: Visit | None
    has_credentials: bool


def meet(config: S3Config, *, insecure_endpoint: bool) -> Meeting:
    """Find the server, compare clocks, and see whether it accepts the credentials."""
    connection, obstacle = _connect(config, insecure_endpoint=insecure_endpoint)
    has_credentials = connection is not None or not isinstance(obstacle, CredentialsError)
    address = connection.endpoint_url if connection else config.endpoint_url
    refused = _refusal(obstacle, address, insecure_endpoint=insecure_endpoint)
    answer = refused or _within(_KNOCK_LIMIT_S, lambda: knock(config, address), address)
    if isinstance(answer, CreativeS3Error):
        return _nobody_there(answer, connection, obstacle, has_credentials=has_credentials)
    places = (endpoint(answer), clock(answer.clock_off_s))
    if connection is None:
        assert obstacle is not None  # noqa: S101 - there is a connection, or the reason why not
        checks = (CREDENTIALS.failed(obstacle), *places, region(config, answer, None))
        return Meeting(checks, None, has_credentials)
    visit = _visit(connection, answer)
    if isinstance(visit.error, ClockError):
        places = (places[0], CLOCK.failed(visit.error))
    if isinstance(visit.error, NotS3Error):
        visit.client.close()
        return _nobody_there(visit.error, connection, None, has_credentials=True)
    checks = (credentials(source_of(connection), visit.error), *places, region(config, answer, visit.error))
    stopped = isinstance(visit.error, (CredentialsError, ClockError, SettingsError))
    if stopped or config.bucket_name is None:
        visit.client.close()
        return Meeting(checks, None, has_credentials=True)
    return Meeting(checks, visit, has_credentials=True)


def knock(config: S3Config, endpoint_url: str | None) -> Answer:
    """Send one request without a signature; whatever is answered tells who is there.

    Raises:
        CreativeS3Error: Nothing answers.
    """
    address = endpoint_url or "AWS"
    try:
        client = anonymous_client(config, endpoint_url)
        address = str(client.meta.endpoint_url)
        with closing(client):
            started_s = time.monotonic()
            response = _first_words(client, config.bucket_name)
            took_s = time.monotonic() - started_s
    except Exception as error:
        raise translate(error, endpoint_url=endpoint_url) from error
    about: Mapping[str, Any] = response.get("ResponseMetadata", {})
    headers: Mapping[str, str] = about.get("HTTPHeaders", {})
    return Answer(
        endpoint_url=address,
        status=int(about.get("HTTPStatusCode") or 0),
        server=headers.get("server", ""),
        region=headers.get("x-amz-bucket-region"),
        clock_off_s=clock_offset_s(headers.get("date"), datetime.now(UTC)),
        took_s=took_s,
    )


def _first_words(client: Any, bucket: str | None) -> Mapping[str, Any]:  # noqa: ANN401 - boto3's own
    try:
        answer: Mapping[str, Any] = (
            client.list_buckets() if bucket is None else client.head_bucket(Bucket=bucket)
        )
    except ClientError as error:
        return error.response
    return answer


def clock_offset_s(date: str | None, now: datetime) -> float | None:
    """Return how far `now` is ahead of an HTTP Date header, in seconds; None when it tells none."""
    if not date:
        return None
    try:
        server = parsedate_to_datetime(date)
    except ValueError:
        return None
    return (now - (server if server.tzinfo else server.replace(tzinfo=UTC))).total_seconds()


def clock(off_s: float | None) -> Check:
    """Judge this machine's clock by how many seconds it is ahead of the server's."""
    if off_s is None:
        return CLOCK.not_tried("the server does not tell its time")
    away_s = abs(off_s)
    if away_s > CLOCK_LIMIT_S:
        way = "fast" if off_s > 0 else "slow"
        return CLOCK.problem(
            f"this machine's clock is {round(away_s / 60):,} min off ({way})",
            "timedatectl set-ntp true  # S3 refuses requests that are 15 min off",
        )
    # The header has whole seconds, and the answer takes its time.
    return CLOCK.ok("agrees with the server's" if away_s < 3 else f"{round(away_s)} s off")  # noqa: PLR2004


def endpoint(answer: Answer) -> Check:
    """Judge the server by its first answer."""
    who = f"{provider(answer)} at {answer.endpoint_url}"
    if answer.status >= _SERVER_FAILS:
        return ENDPOINT.problem(f"{who} fails: HTTP {answer.status}", "run `creative-s3 doctor` again later")
    if is_insecure(answer.endpoint_url):
        return ENDPOINT.warning(
            f"{who}: plain http to another machine, content is not protected on its way",
            "use an https address in S3_ENDPOINT_URL",
        )
    return ENDPOINT.ok(f"{who}, {max(1, round(answer.took_s * 1000)):,} ms")


def provider(answer: Answer) -> str:
    """Name the kind of server by its Server header."""
    if answer.server == "AmazonS3":
        return "AWS S3"
    version = seaweedfs_version(answer.server)
    if version:
        return f"SeaweedFS {version[0]}.{version[1]}"
    return answer.server.partition("/")[0] or "a server that does not name itself"


def seaweedfs_version(server: str) -> tuple[int, int] | None:
    """Read the version from SeaweedFS's Server header, ``SeaweedFS 8000GB 4.48``; None for other servers."""
    found = re.match(r"SeaweedFS \S+ (\d{1,9})\.(\d{1,9})", server)
    return (int(found[1]), int(found[2])) if found else None


def region(config: S3Config, answer: Answer, error: CreativeS3Error | None) -> Check:
    """Compare the region of the settings with the one that the server names."""
    if config.bucket_name is None:
        return REGION.not_tried(f"{config.region}; no bucket is set")
    if isinstance(error, SettingsError):
        return REGION.failed(error)
    if answer.region is None:
        return REGION.not_tried(f"{config.region}; the server names none")
    if answer.region != config.region:
        return REGION.problem(
            f"the bucket is in {answer.region}, and S3_REGION is {config.region}",
            f"set S3_REGION={answer.region} (in .env), or pass --region {answer.region}",
        )
    return REGION.ok(f"{config.region}, the bucket's own")


def credentials(source: str, error: CreativeS3Error | None) -> Check:
    """Judge the credentials by what came of the first signed request."""
    if isinstance(error, CredentialsError):
        return CREDENTIALS.problem(f"{told(error)}; they come from: {source}", advice(error))
    if isinstance(error, (ClockError, TemporaryError, SettingsError)):
        return CREDENTIALS.not_tried(f"from {source}; the server could not check them")
    return CREDENTIALS.ok(f"accepted; from {source}")


def source_of(connection: Connection) -> str:
    """Say where the credentials come from; never shows one."""
    found = connection.session.get_credentials()
    method = str(getattr(found, "method", "") or "boto3's chain")
    words = _SOURCES.get(method, method)
    profile = connection.session.get_config_variable("profile")
    return words if method == "env" or not profile else f"{words}, profile {profile}"


def _connect(
    config: S3Config, *, insecure_endpoint: bool
) -> tuple[Connection | None, CreativeS3Error | None]:
    try:
        return connect(config, insecure_endpoint=insecure_endpoint), None
    except CreativeS3Error as error:
        return None, error


def _refusal(
    obstacle: CreativeS3Error | None, address: str | None, *, insecure_endpoint: bool
) -> CreativeS3Error | None:
    """Return why not even an unsigned request may be sent, if so."""
    if isinstance(obstacle, CredentialsError):
        if address and is_insecure(address) and not insecure_endpoint:
            return RefusedError(
                "the endpoint is plain http on another machine", item=address, hint="use an https address"
            )
        return None
    return obstacle


def _nobody_there(
    error: CreativeS3Error,
    connection: Connection | None,
    obstacle: CreativeS3Error | None,
    *,
    has_credentials: bool,
) -> Meeting:
    reason = "the server was not asked" if error is obstacle else "the server does not answer"
    if isinstance(error, NotS3Error):
        reason = "no S3 server answers"
    if connection is not None:
        found = CREDENTIALS.not_tried(f"from {source_of(connection)}; {reason}")
    elif isinstance(obstacle, CredentialsError):
        found = CREDENTIALS.failed(obstacle)
    else:
        found = CREDENTIALS.not_tried(reason)
    # A profile that does not exist stops even an unsigned client.
    there = (
        ENDPOINT.not_tried("AWS's configuration cannot be used")
        if isinstance(error, CredentialsError)
        else ENDPOINT.failed(error)
    )
    return Meeting((found, there, CLOCK.not_tried(reason), REGION.not_tried(reason)), None, has_credentials)


def _visit(connection: Connection, answer: Answer) -> Visit:
    config = connection.config
    client = hurried_client(connection, attempts=2)
    page: Mapping[str, Any] | None = None
    failure: CreativeS3Error | None = None
    try:
        if config.bucket_name is None:
            client.list_buckets()
        else:
            prefix = f"{config.prefix}/" if config.prefix else ""
            page = client.list_objects_v2(Bucket=config.bucket_name, Prefix=prefix, MaxKeys=1)
    except Exception as error:  # noqa: BLE001 - translate raises what it does not know
        failure = translate(error, endpoint_url=connection.endpoint_url)
    return Visit(
        client,
        config,
        connection.endpoint_url,
        answer.server,
        page,
        failure,
        replace(connection, client=client),
    )


def _within(limit_s: float, ask: Callable[[], Answer], address: str | None) -> Answer | CreativeS3Error:
    """Ask, but wait at most `limit_s`: a name server that is silent can hold a request for much longer."""
    results: SimpleQueue[Answer | Exception] = SimpleQueue()

    def run() -> None:
        try:
            results.put(ask())
        except Exception as error:  # noqa: BLE001 - handed to the caller
            results.put(error)

    threading.Thread(target=run, name="knock", daemon=True).start()
    try:
        result = results.get(timeout=limit_s)
    except Empty:
        return TemporaryError(
            f"no answer within {limit_s:.0f} s", item=address, hint="check the address and the network"
        )
    if isinstance(result, Exception) and not isinstance(result, CreativeS3Error):
        raise result
    return result
