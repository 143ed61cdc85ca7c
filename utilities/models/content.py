"""What a message holds: a text, or parts that are texts and pictures; and what pictures cost."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeAlias, TypedDict

from utilities.model_catalogue import ModelEntry


class TextPart(TypedDict):
    """A piece of text."""

    type: Literal["text"]
    text: str


class ImagePart(TypedDict, total=False):
    """A picture; `data` is a PNG in base64, and is left out where the message is recorded."""

    type: Literal["image"]
    shows: str
    """Names what is drawn and how: the same picture has the same name whatever its bytes are."""
    width: int
    height: int
    """In pixels."""
    data: str


Content: TypeAlias = str | list[TextPart | ImagePart]


def text_of(content: Content) -> str:
    """All text of a message's content."""
    if isinstance(content, str):
        return content
    return "\n\n".join(part["text"] for part in content if part["type"] == "text")


def images_in(content: Content) -> Iterator[ImagePart]:
    """The pictures in a message's content."""
    for part in () if isinstance(content, str) else content:
        if part["type"] == "image":
            yield part


def without_data(content: Content) -> Content:
    """The content as keys, records and logs have it: without the bytes of pictures."""
    if isinstance(content, str):
        return content
    return [_without_data(part) for part in content]


def _without_data(part: TextPart | ImagePart) -> TextPart | ImagePart:
    if part["type"] == "text":
        return part
    return {
        "type": "image",
        "shows": part["shows"],
        "width": part["width"],
        "height": part["height"],
    }


def chat_content(content: Content) -> Any:
    """The content as chat completions take it."""
    if isinstance(content, str):
        return content
    return [
        part
        if part["type"] == "text"
        else {
            "type": "image_url",
            "image_url": {"url": f"data:image/png;base64,{part['data']}"},
        }
        for part in content
    ]


def messages_content(content: Content) -> Any:
    """The content as Anthropic's Messages take it."""
    if isinstance(content, str):
        return content
    return [
        part
        if part["type"] == "text"
        else {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": part["data"]},
        }
        for part in content
    ]


def responses_content(content: Content) -> Any:
    """The content as OpenAI's Responses take it."""
    if isinstance(content, str):
        return content
    return [
        {"type": "input_text", "text": part["text"]}
        if part["type"] == "text"
        else {
            "type": "input_image",
            "detail": "auto",
            "image_url": f"data:image/png;base64,{part['data']}",
        }
        for part in content
    ]


def _anthropic_tokens(width: int, height: int) -> int:
    """A token for each begun square of 28 pixels; larger pictures are made smaller before.

    4,784 is the most of the larger of the two tiers ("Vision", platform.claude.com/docs).
    """
    return min(4784, math.ceil(width / 28) * math.ceil(height / 28))


def _openai_tokens(width: int, height: int) -> int:
    """The dearer of OpenAI's two rules, as it is not published which of them each model has.

    Squares of 32 pixels, each up to 2.46 tokens; or 85 tokens and 170 for each square of 512
    pixels, after the picture was made to fit into 2,048 and its shorter side to be 768
    ("Images and vision", platform.openai.com/docs).
    """
    patches = math.ceil(2.46 * min(10_000, math.ceil(width / 32) * math.ceil(height / 32)))
    scale = min(2048 / max(width, height), 768 / min(width, height))
    tiles = math.ceil(round(width * scale) / 512) * math.ceil(round(height * scale) / 512)
    return max(patches, 85 + 170 * tiles)


def _google_tokens(width: int, height: int) -> int:
    """1,120 at the default resolution of Gemini 3; before, 258 for each square of 768 pixels.

    The dearer one counts ("Media resolution" and "Token counting", ai.google.dev/gemini-api/docs).
    """
    return max(1120, 258 * math.ceil(width / 768) * math.ceil(height / 768))


_RULES: Mapping[str, Callable[[int, int], int]] = {
    "anthropic": _anthropic_tokens,
    "openai": _openai_tokens,
    "google": _google_tokens,
}


def image_tokens(entry: ModelEntry, width: int, height: int) -> int:
    """At most how many tokens a picture of so many pixels is for the model.

    By its provider's published rule; the dearest of all rules if the provider has none here.
    """
    rule = _RULES.get(entry.pricing_provider or entry.provider)
    rules = _RULES.values() if rule is None else (rule,)
    return max(one(width, height) for one in rules)
