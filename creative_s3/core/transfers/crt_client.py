"""The Common Runtime's S3 client, made from a connection: endpoint, TLS, retries, credentials."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import awscrt.auth
import awscrt.io
import awscrt.s3
from botocore.credentials import RefreshableCredentials

from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.connection import CONNECT_TIMEOUT_S
from creative_s3.core.s3.credentials import no_credentials
from creative_s3.core.transfers.flights import PART_BYTES

if TYPE_CHECKING:
    from creative_s3.core.s3.connection import Connection

_RETRIES = 3
_MOST_LOOPS = 8


def crt_client(connection: Connection, credentials: CrtCredentials) -> awscrt.s3.S3Client:
    """Make the native client: s3transfer's own factory takes no attempts, time-out or connection limit."""
    endpoint_url: str = connection.client.meta.endpoint_url
    tls = None
    if endpoint_url.startswith("https://") and (
        bundle := connection.session.get_config_variable("ca_bundle")
    ):
        options = awscrt.io.TlsContextOptions()
        options.override_default_trust_store_from_path(ca_filepath=bundle)
        tls = awscrt.io.ClientTlsContext(options).new_connection_options()
    mode = awscrt.s3.S3RequestTlsMode
    return awscrt.s3.S3Client(
        bootstrap=_bootstrap(),
        region=connection.region,
        signing_config=awscrt.s3.create_default_s3_signing_config(
            region=connection.region, credential_provider=credentials.provider
        ),
        tls_mode=mode.ENABLED if endpoint_url.startswith("https://") else mode.DISABLED,
        tls_connection_options=tls,
        part_size=PART_BYTES,
        max_active_connections_override=connection.config.max_parallel_uploads,
        retry_config=awscrt.s3.S3RetryConfig(max_retries=_RETRIES),
        connect_timeout_ms=CONNECT_TIMEOUT_S * 1000,
    )


def _bootstrap() -> awscrt.io.ClientBootstrap:
    """Make event loops for half of the cores: one loop carries gigabits, and Python wants a core, too."""
    loops = awscrt.io.EventLoopGroup(max(1, min((os.cpu_count() or 2) // 2, _MOST_LOOPS)))
    return awscrt.io.ClientBootstrap(loops, awscrt.io.DefaultHostResolver(loops))


class CrtCredentials:
    """botocore's credentials for the Common Runtime, refreshed where they can be.

    Attributes:
        failure: Why they could not be refreshed; the Common Runtime reports only that its delegate failed.

    Raises:
        CredentialsError: There are none.
    """

    def __init__(self, connection: Connection) -> None:
        self._source = connection.session.get_credentials()
        self.failure: BaseException | None = None
        if self._source is None:
            raise no_credentials()
        try:
            frozen = self._frozen()
        except Exception as error:
            raise translate(error) from error
        provider = awscrt.auth.AwsCredentialsProvider
        if isinstance(self._source, RefreshableCredentials):
            self.provider = provider.new_delegate(self._frozen)
        else:
            self.provider = provider.new_static(
                frozen.access_key_id, frozen.secret_access_key, frozen.session_token
            )

    def _frozen(self) -> awscrt.auth.AwsCredentials:
        try:
            frozen = self._source.get_frozen_credentials()  # type: ignore[union-attr]
        except Exception as error:
            self.failure = error
            raise
        return awscrt.auth.AwsCredentials(frozen.access_key, frozen.secret_key, frozen.token)
