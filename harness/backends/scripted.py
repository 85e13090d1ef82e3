"""A backend that says what a function tells it: for tests, and for planting known rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.core.records import Answer, Request
from harness.models.template import LLAMA2_TEMPLATE

FIRST_ID = 16  # ids of characters start behind any special token


class ScriptedBackend:
    """Answers with `script(request, sample)`; one token a character, each certain."""

    def __init__(self, script: Callable[[Request, int], str], *, name: str = "scripted") -> None:
        self._script = script
        self.identity: dict[str, Any] = {"name": name, "backend": "scripted"}

    def encode(self, messages: Sequence[Mapping[str, str]]) -> tuple[str, tuple[int, ...]]:
        """Render `messages` in Llama 2's format; a token is a character, after a BOS."""
        from jinja2 import Environment

        template = Environment(autoescape=False).from_string(LLAMA2_TEMPLATE)
        prompt = template.render(messages=list(messages), bos_token="<s>", eos_token="</s>")
        return prompt, (1, *_ids(prompt.removeprefix("<s>")))

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """Return what the script says, cut at `max_new_tokens` characters."""
        answers = []
        for request in requests:
            for sample in range(request.samples + 1):
                whole = self._script(request, sample)
                text = whole[: request.max_new_tokens]
                answers.append(
                    Answer(
                        request_id=request.id,
                        arm=request.arm,
                        sample=sample,
                        text=text,
                        token_ids=_ids(text),
                        logprobs=(0.0,) * len(text),
                        finish_reason="stop" if text == whole else "length",
                    )
                )
        return answers


def _ids(text: str) -> tuple[int, ...]:
    return tuple(FIRST_ID + ord(character) for character in text)
