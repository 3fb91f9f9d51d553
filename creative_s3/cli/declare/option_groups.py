"""Options that several commands share, declared once: a command gets what they mean as one parameter."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, get_type_hints

from creative_s3.cli.output import Report
from creative_s3.cli.run import Run


def giving(
    function: Callable[..., Report],
    options: Mapping[str, Any],
    *,
    parameter: str,
    meaning: Callable[[dict[str, Any]], Any],
) -> Callable[..., Report]:
    """Give a command a group of options, before its own ones.

    Args:
        function: The command, with `parameter` among its own.
        options: What Typer shall see: parameter name -> annotation; each is None when it was not given.
        parameter: Which of the command's parameters takes what they mean.
        meaning: Turns what was given into that.
    """
    # The parameter's own type is Typer's business as little as the core, which is not imported for it.
    hints = get_type_hints(function, localns={"Selection": object}, include_extras=True)
    own = [
        one.replace(annotation=hints[one.name])
        for one in inspect.signature(function).parameters.values()
        if one.name != parameter
    ]

    @wraps(function)
    def given_group(run: Run, **given: Any) -> Report:  # noqa: ANN401 - whatever Typer parsed
        group = {name: given.pop(name) for name in options}
        return function(run, **{parameter: meaning(group)}, **given)

    keyword_only = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, keyword_only, default=None, annotation=annotation)
        for name, annotation in options.items()
    ]
    first = [one for one in own if one.kind is not keyword_only]
    rest = [one for one in own if one.kind is keyword_only]
    parameters = [*first, *added, *rest]
    given_group.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    given_group.__annotations__ = {one.name: one.annotation for one in parameters}
    del given_group.__wrapped__  # its signature is not ours
    return given_group
