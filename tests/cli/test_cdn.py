"""The `cdn` commands and `migrate upload --invalidate`: a real S3 server, and moto in CloudFront's place."""

from __future__ import annotations

import io
import json
import shlex
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from rich.console import Console

from creative_s3 import AssetType, S3CacheManager, SemanticMetadata
from creative_s3.cli.views.cdn import steps
from creative_s3.core.cdn.setup import Step
from tests.cli.inside import Inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@pytest.fixture(scope="module")
def cloudfront() -> Iterator[Any]:
    """A client for a server that has distributions and nothing else."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client: Any = boto3.client(
        "cloudfront",
        region_name="us-east-1",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - moto takes any
    )
    yield client
    client.close()
    server.stop()


@pytest.fixture
def distribution(cloudfront: Any, bucket: str) -> str:  # noqa: ANN401 - boto3's client
    """A distribution before the bucket of this test."""
    origin = {
        "Id": "s3",
        "DomainName": f"{bucket}.s3.us-east-1.amazonaws.com",
        "OriginPath": "/creative-assets",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    answer = cloudfront.create_distribution(
        DistributionConfig={
            "CallerReference": bucket,
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {
                "TargetOriginId": "s3",
                "ViewerProtocolPolicy": "redirect-to-https",
                "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
            },
        }
    )
    return str(answer["Distribution"]["Id"])


@pytest.fixture
def env(server_env: dict[str, str], distribution: str, cloudfront: Any) -> dict[str, str]:  # noqa: ANN401 - the same
    return {
        **server_env,
        "AWS_ENDPOINT_URL_CLOUDFRONT": cloudfront.meta.endpoint_url,
        "CLOUDFRONT_DISTRIBUTION_ID": distribution,
    }


@pytest.fixture
def cdn(env: dict[str, str], workspace: Path) -> Inside:
    return Inside(env, workspace)


def told(cloudfront: Any, distribution: str) -> list[list[str]]:  # noqa: ANN401 - the same
    """Return the paths of every invalidation."""
    listed = cloudfront.list_invalidations(DistributionId=distribution)["InvalidationList"].get("Items", [])
    found = []
    for one in listed:
        batch = cloudfront.get_invalidation(DistributionId=distribution, Id=one["Id"])["Invalidation"]
        found.append(sorted(batch["InvalidationBatch"]["Paths"]["Items"]))
    return sorted(found)


def edit(program: Inside, *wanted: str) -> list[str]:
    """Change the files of the first assets of some kinds; return the paths by which viewers get them."""
    operations = program("migrate", "plan", "--json").data["operations"]
    paths = []
    for kind in wanted:
        one = next(entry for entry in operations if entry["kind"] == kind and entry["size_bytes"])
        with (program.cwd / one["file_path"]).open("ab") as file:
            file.write(b"edited")
        paths.append("/" + one["key"].removeprefix("creative-assets/"))
    return sorted(paths)


def test_an_upload_invalidates_exactly_what_it_replaced(
    cdn: Inside,
    cloudfront: Any,  # noqa: ANN401 - the same
    distribution: str,
) -> None:
    first = cdn("migrate", "upload", "--invalidate", "--json")
    assert first.code == 0
    assert first.data["invalidation"]["paths"] == []
    assert told(cloudfront, distribution) == []
    paths = edit(cdn, "product", "composite")
    foreseen = cdn("migrate", "upload", "--invalidate", "--dry-run", "--json").data["invalidation"]
    assert sorted(foreseen["paths"]) == paths
    assert told(cloudfront, distribution) == []
    second = cdn("migrate", "upload", "--invalidate")
    assert second.code == 0
    assert "takes effect within minutes" in second.out
    assert told(cloudfront, distribution) == [paths]
    assert cdn("cdn", "invalidate", "--changed", "--yes", "-q").out == ""
    assert told(cloudfront, distribution) == [paths]


def test_an_upload_whose_cdn_is_wrong_is_refused_before_anything_is_sent(
    env: Mapping[str, str], workspace: Path
) -> None:
    wrong = Inside({**env, "CLOUDFRONT_DISTRIBUTION_ID": "ENOSUCH"}, workspace)
    result = wrong("migrate", "upload", "--invalidate")
    assert result.code == 4
    assert "does not exist" in result.err
    assert wrong("assets", "list", "-q").out == ""


def test_what_runs_replaced_is_told_once(
    cdn: Inside,
    cloudfront: Any,  # noqa: ANN401 - the same
    distribution: str,
) -> None:
    cdn("migrate", "upload")
    one = edit(cdn, "product")
    cdn("migrate", "upload")
    two = edit(cdn, "background")
    cdn("migrate", "upload")
    assert cdn("cdn", "status", "--json").data["not_told_of"]
    refused = cdn("cdn", "invalidate", "--changed")
    assert refused.code == 2
    assert "--yes" in refused.err
    plan = cdn("cdn", "invalidate", "--changed", "2", "--dry-run", "--json")
    assert (plan.data["paths"], plan.data["price"]) == (one, "0.00")
    assert told(cloudfront, distribution) == []
    done = cdn("cdn", "invalidate", "--changed", "--yes", "--wait", "--json")
    assert done.code == 0
    assert done.data["invalidations"][0]["paths"] == 2
    assert told(cloudfront, distribution) == [sorted(one + two)]
    again = cdn("cdn", "invalidate", "--changed", "2", "--yes", "--json")
    assert again.data["invalidations"] == []
    assert cdn("cdn", "status", "--json").data["not_told_of"] == []
    (listed,) = cdn("cdn", "list", "--json").data["invalidations"]
    assert (sorted(listed["paths"]), listed["sent_from_here"]) == (sorted(one + two), True)
    cost = cdn("cdn", "cost", "--json").data
    assert cost["by_distribution"][distribution] == 2
    assert cost["free_left"] == 1_000 - cost["paths"]


def test_what_a_program_replaces_through_the_library_is_told_too(
    cdn: Inside,
    cloudfront: Any,  # noqa: ANN401 - the same
    distribution: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in cdn.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(cdn.cwd)
    scene = cdn.cwd / "cache" / "scene.png"
    about = SemanticMetadata(AssetType.SCENE_BACKGROUND, region="US")
    paths = ["/backgrounds/scene/us/none/scene.png"]
    with S3CacheManager("cache") as manager:
        for number in range(3):  # the first one is new, and CloudFront is told after each of the others
            scene.write_bytes(b"scene %d" % number)
            assert manager.register_semantic_asset("a scene", scene, about).upload
            assert cdn("cdn", "invalidate", "--changed", "--yes").code == 0
            assert told(cloudfront, distribution) == [paths] * number
    first, second = reversed(cdn("migrate", "history", "--json").data["runs"])
    assert (first["command"], first["created"], first["replaced"]) == ("register_semantic_asset", 1, 1)
    assert second["replaced"] == 1


def test_paths_kinds_and_campaigns(cdn: Inside, cloudfront: Any, distribution: str) -> None:  # noqa: ANN401 - the same
    cdn("migrate", "upload")
    assert cdn("cdn", "invalidate", "products/ü.png", "--yes").code == 0
    assert cdn("cdn", "invalidate", "--kind", "products", "--yes").code == 0
    campaign = cdn("stats", "--local", "--json").data["library"]["biggest_campaigns"][0]["campaign_id"]
    chosen = cdn("cdn", "invalidate", "--campaign", campaign, "--kind", "composites", "--dry-run", "-q")
    assert chosen.out.splitlines()
    assert all(path.startswith("/composites/") for path in chosen.out.splitlines())
    assert told(cloudfront, distribution) == [["/products/%C3%BC.png"], ["/products/*"]]
    key_like = cdn("cdn", "invalidate", "creative-assets/products/a.png", "--dry-run")
    assert "viewers ask without it" in key_like.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing is chosen"),
        (("/a", "--kind", "products"), "exclude each other"),
        (("--changed", "/a"), "only numbers of runs"),
        (("/a~b.png",), "cannot invalidate a path with '~'"),
        (("--kind", "poems"), "no such kind"),
        (("/a", "--include-new"), "belongs to --changed RUN"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(cdn: Inside, arguments: tuple[str, ...], words: str) -> None:
    result = cdn("cdn", "invalidate", *arguments)
    assert result.code == 2
    assert words in result.err


def test_setup_names_what_is_missing_with_its_command(cdn: Inside, distribution: str) -> None:
    result = cdn("cdn", "setup", "--json")
    checks = {check["name"]: check for check in result.data["checks"]}
    assert result.code == 4
    assert {name for name, check in checks.items() if check["status"] == "problem"} == {
        "origin access",
        "bucket policy",
    }
    fix = checks["bucket policy"]["fix"]
    assert fix == f"creative-s3 bucket policy cdn {distribution} --apply"
    assert checks["origin path"]["status"] == "ok"


def test_without_a_distribution_setup_says_how_to_make_one(env: Mapping[str, str], workspace: Path) -> None:
    bare = {name: value for name, value in env.items() if name != "CLOUDFRONT_DISTRIBUTION_ID"}
    result = Inside(bare, workspace)("cdn", "setup")
    assert result.code == 0
    assert "aws cloudfront create-origin-access-control" in result.out
    nowhere = {name: value for name, value in bare.items() if name != "AWS_ENDPOINT_URL_CLOUDFRONT"}
    refused = Inside(nowhere, workspace)("cdn", "setup")
    assert refused.code == 4
    assert "CloudFront is a service of AWS, and the settings name another server" in refused.err
    missing = Inside(bare, workspace)("cdn", "status")
    assert missing.code == 4
    assert "CLOUDFRONT_DISTRIBUTION_ID" in missing.err


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_commands_of_setup_can_be_pasted_from_the_screen(width: int) -> None:
    control = shlex.quote(json.dumps({"Name": "assets-oac", "Behavior": "always"}))
    commands = [
        f"aws cloudfront create-origin-access-control --origin-access-control-config {control}",
        "export CLOUDFRONT_DISTRIBUTION_ID=DISTRIBUTION  # or in .env",
    ]
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(steps([Step("Do this", command) for command in commands]))
    lines = console.export_text().splitlines()
    pasted = "\n".join(line.strip() for line in lines if line.startswith("   ")).replace("\\\n", " ")
    assert [words for line in pasted.splitlines() if (words := shlex.split(line, comments=True))] == [
        shlex.split(command, comments=True) for command in commands
    ]


def test_an_address_is_the_viewers_own(cdn: Inside, cloudfront: Any, distribution: str) -> None:  # noqa: ANN401 - the same
    domain = cloudfront.get_distribution(Id=distribution)["Distribution"]["DomainName"]
    result = cdn("cdn", "url", "creative-assets/products/a b.png")
    assert result.out == f"https://{domain}/products/a%20b.png\n"
    outside = cdn("cdn", "url", "elsewhere/a.png")
    assert outside.code == 3
    assert "nobody can ask for it" in outside.err


def test_history_tells_what_runs_did(cdn: Inside) -> None:
    cdn("migrate", "upload")
    (path,) = edit(cdn, "product")
    cdn("migrate", "upload")
    second, first = cdn("migrate", "history", "--json").data["runs"]
    assert (second["run"], second["replaced"], second["created"]) == (2, 1, 0)
    assert first["created"] == first["files"] > 1
    assert float(first["price"]) > 0
    assert first["requests"]["PutObject"] > first["files"]
    one = cdn("migrate", "history", "2", "--json").data
    assert [change["key"] for change in one["changes"] if change["replaced"]] == [f"creative-assets{path}"]
    assert "1 replaced" in cdn("migrate", "history", "2").out
    missing = cdn("migrate", "history", "99")
    assert missing.code == 5
    assert "no such run" in missing.err
