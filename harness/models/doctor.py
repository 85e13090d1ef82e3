"""Is this machine fit for an audit, and for an audit of a given model? Looks, changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.core.errors import ModelError
from harness.models.findings import Finding

Chats = Mapping[str, Sequence[Mapping[str, str]]]


def diagnose(
    model: str | None = None, *, quantisation: str | None = None, base: str | None = None,
    as_is: bool = False, chats: Chats | None = None,
) -> list[Finding]:  # fmt: skip
    """Everything the doctor looks at, in the order it is shown.

    model, quantisation, base, as_is: as `resolve_model` takes them. chats: one in each variant
    that an audit sends, by the variant's id. Raises UsageError for
    a model nobody knows; whatever is amiss with a known one is a finding.
    """
    from harness.models import machine
    from harness.models.quiet import quiet

    with quiet():
        found = [
            *machine.libraries(),
            *machine.processor(),
            *machine.memory(),
            *machine.disk(),
            *machine.quantising(),
            *machine.encoder(),
            *machine.hub(),
        ]
        if model is not None:
            found += _examined(
                model, quantisation=quantisation, base=base, as_is=as_is, chats=chats
            )
    return found


def _examined(
    model: str, *, quantisation: str | None, base: str | None, as_is: bool, chats: Chats | None
) -> list[Finding]:
    from harness.models.fitness import examine
    from harness.models.registry import resolve_model

    try:
        spec = resolve_model(model, quantisation=quantisation, base=base, as_is=as_is)
        return examine(spec, chats=chats)
    except ModelError as error:
        return [Finding(area="model", name=model, value=str(error), state="broken")]
