"""The connection to S3: the only place that makes boto3 clients.

No object is read or written here, and making a connection sends no request to S3. What S3, botocore and the
AWS Common Runtime report becomes our errors in `core.faults.translation`.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from creative_s3.core.concurrency.limits import fitting
from creative_s3.core.faults import proxies
from creative_s3.core.faults.translation import translate
from creative_s3.core.http import certificates, retry_after
from creative_s3.core.http.addresses import check, check_profile, is_insecure, unusable
from creative_s3.core.s3 import answers, botocore_bounds, credentials, genuine, head_refusals, own_region
from creative_s3.core.s3.botocore_bounds import LineEnds
from creative_s3.core.s3.conditions import Conditions
from creative_s3.core.s3.dialect import Dialect
from creative_s3.core.s3.endpoints import is_aws
from creative_s3.core.s3.request_guard import RequestGuard
from creative_s3.errors import NotS3Error, RefusedError, SettingsError, UnsupportedError

if TYPE_CHECKING:
    from creative_s3.core.s3.endpoints import Capability, Provider
    from creative_s3.settings import S3Config

__all__ = [
    "Connection",
    "accelerated",
    "account_of",
    "anonymous_client",
    "another_client",
    "batch_client",
    "cloudfront_client",
    "cloudwatch_client",
    "connect",
    "hurried_client",
    "is_insecure",
    "presigning_client",
    "server_header",
]

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
TOTAL_ATTEMPTS = 5
"""Attempts that botocore makes of one request; the engine queues again what still fails."""

_SPARE_CONNECTIONS = 8
_HURRIED_CONNECT_TIMEOUT_S = 4
_HURRIED_READ_TIMEOUT_S = 8


@dataclass(frozen=True, slots=True)
class Connection:
    """A client for one endpoint with one set of credentials; any thread may use it.

    Attributes:
        config: The settings it was made from.
        session: The botocore session behind the client: credentials, profile, region.
        client: The boto3 S3 client.
        endpoint_url: The address that was chosen; None for that which the region has on AWS.
        client_options: What makes another client of `session` equal to this one.
        guard: Holds back what the server could take for another request.
        dialect: Leaves out what the server refuses.
        conditions: Knows which conditions on writes the server honours.
        line_ends: How the server ends the lines of its answers.
        narrowed: Why fewer requests are under way at once than the settings say; None where they are not.
    """

    config: S3Config
    session: botocore.session.Session = field(repr=False)
    client: Any = field(repr=False)
    endpoint_url: str | None
    client_options: dict[str, Any] = field(repr=False, compare=False)
    guard: RequestGuard = field(repr=False, compare=False)
    dialect: Dialect = field(repr=False, compare=False)
    conditions: Conditions = field(repr=False, compare=False)
    line_ends: LineEnds = field(default_factory=LineEnds, repr=False, compare=False)
    narrowed: str | None = field(default=None, repr=False, compare=False)

    @property
    def bucket(self) -> str:
        """The bucket's name.

        Raises:
            SettingsError: None is set.
        """
        return self.config.require_bucket()

    @property
    def region(self) -> str:
        """The region that requests are signed for."""
        return self.config.region

    @property
    def is_aws(self) -> bool:
        """Whether this is AWS itself, be it at a VPC endpoint's address, and no compatible server."""
        return is_aws(self.endpoint_url)

    @property
    def provider(self) -> Provider:
        """Who runs the endpoint; a server that is not AWS is asked once.

        Raises:
            CreativeS3Error: It does not answer.
        """
        return self.guard.provider

    def require(self, capability: Capability) -> None:
        """Return when the endpoint is known to have an API.

        Raises:
            UnsupportedError: It is not; nothing was sent.
        """
        self.guard.require(capability)


def connect(config: S3Config, *, insecure_endpoint: bool = False) -> Connection:
    """Make a connection; send nothing to S3. Whatever gives the credentials is asked for them.

    Args:
        config: The settings.
        insecure_endpoint: Accept a plain-http endpoint on another machine.

    Raises:
        CredentialsError: boto3's chain finds no credentials, or they cannot be fetched or used.
        RefusedError: The endpoint is plain http and not this machine.
        SettingsError: The AWS configuration or the endpoint cannot be used.
    """
    session = botocore.session.Session()
    config, narrowed = fitting(config)
    try:
        credentials.fetch(session)
        check_profile(session)
        certificates.as_file(session)
        clients = boto3.Session(botocore_session=session)
        connection = _connect(session, clients, config, endpoint_url=config.endpoint_url)
        if config.endpoint_url is None and not is_aws(connection.client.meta.endpoint_url):
            # AWS_ENDPOINT_URL_S3 or the profile names a server, which botocore uses by itself.
            connection = _connect(session, clients, config, endpoint_url=connection.client.meta.endpoint_url)
    except BotoCoreError as error:
        raise translate(error, endpoint_url=config.endpoint_url) from error
    except ValueError as error:  # botocore's word for an endpoint that it cannot parse
        raise unusable(str(error), is_ours=config.endpoint_url is not None) from error
    proxies.check(connection.client)
    check(
        str(connection.client.meta.endpoint_url),
        session.get_config_variable("ca_bundle"),
        is_ours=config.endpoint_url is not None,
    )
    address = str(connection.client.meta.endpoint_url)
    if is_insecure(address) and not insecure_endpoint:
        raise RefusedError(
            "the endpoint is plain http on another machine: content would cross the network unprotected",
            item=address,
            hint="use https, or repeat the command with --insecure-endpoint",
        )
    return replace(connection, narrowed=narrowed)


def accelerated(connection: Connection) -> Connection:
    """Return a connection that moves objects by Transfer Acceleration where the settings ask for it.

    All else goes to the region's own endpoint, where a bucket answers whether it has been accelerated or not.

    Raises:
        SettingsError: The bucket's name has dots, or the region or FIPS has no such endpoint.
    """
    if not connection.config.use_accelerate or connection.endpoint_url is not None:
        return connection
    if "." in (connection.config.bucket_name or ""):
        raise SettingsError(
            "Transfer Acceleration takes no bucket whose name has dots",
            item=connection.config.bucket_name,
            hint="set S3_USE_ACCELERATE=false",
        )
    is_fips = connection.session.get_config_variable("use_fips_endpoint")
    if is_fips or connection.client.meta.partition != "aws":
        raise SettingsError(
            f"there is no Transfer Acceleration {'with FIPS endpoints' if is_fips else 'in this region'}",
            item=connection.region,
            hint="set S3_USE_ACCELERATE=false",
        )
    s3: Any = connection.client_options["config"].s3 | {"use_accelerate_endpoint": True}
    changes = Config(s3=s3)
    options = connection.client_options | {"config": connection.client_options["config"].merge(changes)}
    return replace(connection, client=another_client(connection, changes), client_options=options)


def presigning_client(connection: Connection) -> Any:  # noqa: ANN401 - boto3's clients have no common type
    """Return a client whose presigned addresses have signature version 4.

    botocore presigns with version 2 in the older regions and for other servers; buckets made since June 2020
    and objects under KMS take version 4 only (AWS: "Authenticating Requests (AWS Signature Version 2)").
    """
    return another_client(connection, Config(signature_version="s3v4"))


def cloudfront_client(connection: Connection) -> Any:  # noqa: ANN401 - boto3's clients have no common type
    """Return a client for CloudFront with the same credentials, in the partition of the bucket's region.

    Raises:
        SettingsError: The AWS configuration cannot be used.
    """
    try:
        return connection.session.create_client(
            "cloudfront",
            region_name=connection.region,
            config=_client_config(connection.config, None),
        )
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(
            f"CloudFront cannot be asked: {error}", hint="check the AWS configuration"
        ) from error


def account_of(connection: Connection) -> str:
    """Ask AWS for the account that the credentials belong to; needs no permission.

    Raises:
        UnsupportedError: The settings name another server than AWS.
        CreativeS3Error: The request failed.
    """
    if not connection.is_aws:
        raise UnsupportedError(
            "only AWS knows the account, and the settings name another server; nothing was sent",
            item=connection.endpoint_url,
            hint="name it with --account ID",
        )
    try:
        with closing(_service_client(connection, "sts")) as client:
            return str(client.get_caller_identity()["Account"])
    except Exception as error:
        raise translate(error, service="STS") from error


def batch_client(connection: Connection) -> Any:  # noqa: ANN401 - boto3's clients have no common type
    """Return a client for S3 Batch Operations; on AWS only, which the caller has to see to."""
    return _service_client(connection, "s3control")


def cloudwatch_client(connection: Connection) -> Any:  # noqa: ANN401 - boto3's clients have no common type
    """Return a client for CloudWatch in the bucket's region."""
    return _service_client(connection, "cloudwatch")


def _service_client(connection: Connection, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no common type
    config = _client_config(connection.config, None)
    return connection.session.create_client(service, region_name=connection.region, config=config)


def hurried_client(connection: Connection, *, attempts: int) -> Any:  # noqa: ANN401 - boto3's clients have no common type
    """Return a client that is the connection's own, but gives up soon."""
    return another_client(connection, _hurried(attempts))


def anonymous_client(config: S3Config, endpoint_url: str | None) -> Any:  # noqa: ANN401 - boto3's clients have no common type
    """Return a client that signs nothing, tries once and gives up soon.

    Args:
        config: The settings.
        endpoint_url: The server; None for AWS.

    Raises:
        BotoCoreError: The AWS configuration cannot be used.
    """
    session = botocore.session.Session()
    certificates.as_file(session)
    options = Config(
        signature_version=UNSIGNED,
        s3=_s3_options(session, endpoint_url),
        proxies=proxies.for_endpoint(endpoint_url),
    )
    client = session.create_client(
        "s3", region_name=config.region, endpoint_url=endpoint_url, config=_hurried(1).merge(options)
    )
    genuine.watch(client, endpoint_url)
    botocore_bounds.bound(client)
    return client


def server_header(config: S3Config, endpoint_url: str | None) -> str:
    """Ask a server, with one unsigned request for its list of buckets, what it calls itself.

    Raises:
        CreativeS3Error: Nothing answers.
    """
    try:
        with closing(anonymous_client(config, endpoint_url)) as client:
            try:
                answer: Any = client.list_buckets()
            except ClientError as error:
                answer = error.response
    except NotS3Error:
        return ""  # not in answer to this question, which few servers are asked
    except BotoCoreError as error:
        raise translate(error, endpoint_url=endpoint_url) from error
    return str(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("server", ""))


def _connect(
    session: botocore.session.Session, clients: boto3.Session, config: S3Config, *, endpoint_url: str | None
) -> Connection:
    options: dict[str, Any] = {
        "region_name": config.region,
        "endpoint_url": endpoint_url,
        "config": _client_config(config, endpoint_url).merge(Config(s3=_s3_options(session, endpoint_url))),
    }
    dialect = Dialect(endpoint_url)
    connection = Connection(
        config=config,
        session=session,
        client=clients.client("s3", **options),
        endpoint_url=endpoint_url,
        client_options=options,
        guard=RequestGuard(endpoint_url, lambda: server_header(config, endpoint_url)),
        dialect=dialect,
        conditions=Conditions(endpoint_url, dialect),
    )
    _equip(connection.client, connection)
    return connection


def another_client(connection: Connection, changes: Config) -> Any:  # noqa: ANN401 - boto3's clients have no common type
    """Return a client that is the connection's own but for some options of botocore."""
    options = connection.client_options | {"config": connection.client_options["config"].merge(changes)}
    client = connection.session.create_client("s3", **options)
    _equip(client, connection)
    return client


def _equip(client: Any, connection: Connection) -> None:  # noqa: ANN401 - boto3's clients have no common type
    """Give a new client what each client of a connection has."""
    connection.guard.protect(client)
    connection.dialect.adapt(client)
    answers.watch(client)
    genuine.watch(client, connection.endpoint_url)
    botocore_bounds.bound(client, connection.line_ends)
    retry_after.honour(client)
    head_refusals.explain(client)
    own_region.stay(client, connection.config.bucket_name)


def _client_config(config: S3Config, endpoint_url: str | None) -> Config:
    from creative_s3 import __version__  # noqa: PLC0415 - the package loads its modules lazily, and so do we

    return Config(
        retries={"mode": "standard", "total_max_attempts": TOTAL_ATTEMPTS},
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        # Where answers have no checksum, what has arrived is asked for beside what is being sent.
        max_pool_connections=2 * config.max_parallel_uploads + _SPARE_CONNECTIONS,
        request_checksum_calculation="when_supported",
        response_checksum_validation="when_supported",
        user_agent_extra=f"creative-s3/{__version__}",
        proxies=proxies.for_endpoint(endpoint_url),
    )


def _hurried(attempts: int) -> Config:
    return Config(
        connect_timeout=_HURRIED_CONNECT_TIMEOUT_S,
        read_timeout=_HURRIED_READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )


def _s3_options(session: botocore.session.Session, endpoint_url: str | None) -> Any:  # noqa: ANN401 - botocore keeps the type to itself
    """Return how requests are addressed and signed, the same whatever the address and the engine.

    A body is not read for its signature: its CRC64NVME is a signed header, as with the direct engine and the
    Common Runtime, and reading it twice would cost more than sending it. A profile may ask for it.
    """
    profile: dict[str, Any] = session.get_config_variable("s3") or {}
    options = {"payload_signing_enabled": profile.get("payload_signing_enabled", False)}
    if endpoint_url is not None:
        return options | {"addressing_style": "path"}
    return options | {
        # botocore's own choice is the global host: for presigned addresses, and for us-east-1.
        "addressing_style": profile.get("addressing_style", "virtual").replace("auto", "virtual"),
        "us_east_1_regional_endpoint": profile.get("us_east_1_regional_endpoint", "regional"),
    }
