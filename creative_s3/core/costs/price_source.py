"""Fetching the AWS Price List: by the query API, or as offer files from paths and https addresses.

What the quotes mean is in ``price_figures.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from creative_s3.core.costs.price_list import (
    CLOUDFRONT,
    DEEP_ARCHIVE,
    S3,
    TRANSFER,
    PriceListError,
    Quote,
    read_answers,
    read_offer,
)
from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.credentials import fetch
from creative_s3.errors import AccessDeniedError, CreativeS3Error, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

API_REGION = "us-east-1"
"""One of the three regions that have the query API; which region is priced does not matter to it."""
OFFERS = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws"
_TIMEOUT_S = 60
_LARGEST_BYTES = 200 * 2**20


def pricing_client() -> Any:  # noqa: ANN401 - boto3's clients have no common type
    """Return a client of the query API, with the credentials of the environment.

    Raises:
        CredentialsError: There are none.
    """
    session = botocore.session.Session()
    fetch(session)
    try:
        return session.create_client(
            "pricing",
            region_name=API_REGION,
            config=Config(retries={"mode": "standard", "total_max_attempts": 5}),
        )
    except BotoCoreError as error:
        raise translate(error) from error


def quotes_by_query(client: Any, region: str) -> tuple[Quote, ...]:  # noqa: ANN401 - boto3's
    """Ask the query API for a region's prices; needs ``pricing:GetProducts``.

    Raises:
        PriceListError: An answer cannot be read.
        CreativeS3Error: A request failed.
    """
    quotes = [
        *_products(client, S3, {"regionCode": region}),
        *_products(client, DEEP_ARCHIVE, {"regionCode": region}),
    ]
    location = next((quote.attributes.get("location") for quote in quotes if quote.service == S3), None)
    if location:
        outward = {"fromLocation": location, "toLocation": "External", "transferType": "AWS Outbound"}
        quotes += _products(client, TRANSFER, outward)
    quotes += _products(client, CLOUDFRONT, {"usagetype": "Invalidations"})
    return tuple(quotes)


def quotes_from(places: Iterable[str], region: str) -> tuple[Quote, ...]:
    """Read offer files.

    Args:
        places: Paths or https addresses; ``aws`` stands for AWS's own files of this region.
        region: The region whose prices are wanted.

    Raises:
        PriceListError: One is no offer file, or cannot be found.
        TemporaryError: An address does not answer.
        OSError: A file cannot be read.
    """
    return tuple(quote for place in _expanded(places, region) for quote in read_offer(_document(place)))


def _expanded(places: Iterable[str], region: str) -> Iterator[str]:
    for place in places:
        if place == "aws":
            for service in (S3, DEEP_ARCHIVE, TRANSFER):
                yield f"{OFFERS}/{service}/current/{region}/index.json"
        else:
            yield place


def _document(place: str) -> Path | Mapping[str, Any]:
    scheme = urlsplit(place).scheme
    if scheme not in {"http", "https"}:
        return Path(place)
    if scheme != "https":
        raise PriceListError(
            "prices are fetched by https only", item=place, hint=place.replace("http:", "https:", 1)
        )
    try:
        with urlopen(Request(place), timeout=_TIMEOUT_S) as answer:  # noqa: S310 - https, see above
            content = answer.read(_LARGEST_BYTES + 1)
    except URLError as error:
        raise TemporaryError(
            f"the price list cannot be fetched: {error.reason}",
            item=place,
            hint="fetch it with a browser, then give the file with --from FILE",
        ) from error
    except OSError as error:
        raise TemporaryError(
            f"the price list cannot be fetched: {error}", item=place, hint="run the same command again"
        ) from error
    try:
        document = json.loads(content)
    except ValueError as error:
        raise PriceListError("this is no AWS price list in JSON", item=place) from error
    if not isinstance(document, dict):
        raise PriceListError("this is no AWS price list in JSON", item=place)
    return document


def _explained(error: ClientError | BotoCoreError, service: str) -> CreativeS3Error:
    """Translate an error of the query API; the general table knows the words of S3 only."""
    item = f"the price list of {service}"
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if code == "AccessDeniedException":
        return AccessDeniedError(
            "the AWS Price List may not be asked",
            item=item,
            hint="allow pricing:GetProducts, or take AWS's own files: add --from aws",
        )
    return translate(error, item=item)


def _products(client: Any, service: str, wanted: Mapping[str, str]) -> tuple[Quote, ...]:  # noqa: ANN401 - boto3's
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    texts: list[str] = []
    token: str | None = None
    while True:
        try:
            answer = client.get_products(
                ServiceCode=service,
                Filters=filters,
                FormatVersion="aws_v1",
                MaxResults=100,
                **({"NextToken": token} if token else {}),
            )
        except (ClientError, BotoCoreError) as error:
            raise _explained(error, service) from error
        texts += answer["PriceList"]
        token = answer.get("NextToken")
        if not token:
            return read_answers(texts)
