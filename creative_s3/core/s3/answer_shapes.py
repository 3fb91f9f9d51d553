"""Whether botocore's model has all of an XML answer, each part in its place: it drops what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Mapping


def root_of(body: bytes) -> ET.Element | None:
    """Return an XML document's first element; None when it is no XML."""
    try:
        return ET.fromstring(body)  # noqa: S314 - from the server we chose
    except ET.ParseError:
        return None


def name_of(element: ET.Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def unknown_part(client: Any, method: str, root: ET.Element) -> str | None:  # noqa: ANN401 - boto3's clients have no common type
    """Return the name of the first element that the model lacks in its place; None when it has all.

    Args:
        client: boto3's.
        method: The client's method that got the answer.
        root: The answer; its own name is not looked at.
    """
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).output_shape
    payload = shape.serialization.get("payload")
    return _unknown(root, shape.members[payload] if payload else shape)


def _unknown(element: ET.Element, shape: Any) -> str | None:  # noqa: ANN401 - botocore has no types
    known = _children(shape)
    for child in element:
        name = name_of(child)
        found = _unknown(child, known[name]) if name in known else name
        if found is not None:
            return found
    return None


def _children(shape: Any) -> Mapping[str, Any]:  # noqa: ANN401 - the same
    """Return the shapes of what may be inside, by the names of their elements."""
    if shape.type_name == "list":
        return {shape.member.serialization.get("name", "member"): shape.member}
    found = {}
    for member_name, member in getattr(shape, "members", {}).items():
        name = member.serialization.get("name", member_name)
        if member.type_name == "list" and member.serialization.get("flattened"):
            found[member.member.serialization.get("name", name)] = member.member
        else:
            found[name] = member
    return found
