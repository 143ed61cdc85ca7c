"""What a reasoning model sees of a row: thinking where its chat template has it, or a known loss.

The templates are small ones, written after what the models' makers document of theirs, and rendered
as `transformers` does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripts import Run
from tests.training_data.test_conversations import HANDED_IN, IN_BLOCKS, LOOKED, WRITTEN, results
from tests.training_data.test_trainers import ALL_ROWS, THOUGHT, thinking_results

SCRIPT = "auxiliary_utilities/export_training_data.py"
SAID = "<reasoning>\nIt mirrors."
CALLS = "{% for call in m.tool_calls or [] %}[{{ call.function.name }}]{% endfor %}"
QWEN3 = """
{%- set at = namespace(last_query=-1) %}
{%- for m in messages if m.role == 'user' and not m.content.startswith('<tool_response>') %}
    {%- set at.last_query = messages.index(m) %}
{%- endfor %}
{%- for m in messages %}
    {%- set said, thought = m.content, '' %}
    {%- if m.reasoning_content is string %}
        {%- set thought = m.reasoning_content %}
    {%- elif '</think>' in said %}
        {%- set thought = said.split('</think>')[0].split('<think>')[-1].strip('\\n') %}
        {%- set said = said.split('</think>')[-1].lstrip('\\n') %}
    {%- endif %}
    {{- '<|im_start|>' + m.role + '\\n' }}
    {%- if m.role == 'assistant' and loop.index0 > at.last_query and (loop.last or thought) %}
        {{- '<think>\\n' + thought + '\\n</think>\\n\\n' }}
    {%- endif %}
    {{- said }}CALLS{{- '<|im_end|>\\n' }}
{%- endfor %}"""
"""Qwen3's; GLM-4.5's has the same rule. Thinking of turns before the last question is dropped."""
GPT_OSS = """
{%- for m in messages if m.role != 'assistant' %}{{- '<|' + m.role + '|>' + m.content }}
{%- else %}{%- endfor %}
{%- for m in messages if m.role == 'assistant' %}
    {%- if m.tool_calls %}
        {%- if m.content and m.thinking %}{{ raise_exception('content and thinking') }}{%- endif %}
        {{- '<|analysis|>' + (m.thinking or m.content) + '<|end|><|commentary|>' }}CALLS
    {%- elif loop.last %}
        {%- if 'thinking' in m %}{{- '<|analysis|>' + m.thinking + '<|end|>' }}{%- endif %}
        {{- '<|final|>' + m.content + '<|return|>' }}
    {%- endif %}
{%- endfor %}"""
"""gpt-oss's: thinking is the field `thinking`, and is shown as the channel `analysis`."""
DEEPSEEK_R1 = """
{%- for m in messages %}
    {%- if m.role == 'assistant' %}
        {{- '<|Assistant|>' + m.content.split('</think>')[-1] + '<|end|>' }}
    {%- else %}{{- '<|' + m.role + '|>' + m.content }}{%- endif %}
{%- endfor %}"""
"""DeepSeek-R1's: it drops all thinking, since it is made for asking, not for training."""


def shown(template: str, messages: list[dict[str, Any]]) -> str:
    """What the model sees after the first question."""
    jinja2 = pytest.importorskip("jinja2")
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = raise_exception
    made = environment.from_string(template.replace("CALLS", CALLS))
    return str(made.render(messages=messages)).partition(messages[1]["content"])[2]


def conversation(run_script: Run, source: Path, form: str, *more: str) -> list[dict[str, Any]]:
    output = source.parent / f"{form}.jsonl"
    words = ("--reasoning", "both", *ALL_ROWS, *more)
    done = run_script(SCRIPT, source, "--format", form, "--output", output, *words)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(output.read_text().splitlines()[0])["messages"]
    return found


def for_gpt_oss(message: dict[str, Any]) -> dict[str, Any]:
    """The step that the page of exports names for gpt-oss."""
    kept = {name: value for name, value in message.items() if name != "reasoning_content"}
    if thought := message.get("reasoning_content"):
        kept |= {"thinking": thought, "content": "" if "tool_calls" in message else kept["content"]}
    return kept


@pytest.mark.parametrize("form", ["field", "tags"])
def test_qwen3_sees_thinking_before_the_answer_in_either_format(
    form: str, run_script: Run, tmp_path: Path
) -> None:
    source = thinking_results(tmp_path)
    messages = conversation(run_script, source, "messages", "--thinking_format", form)
    thought, _, visible = shown(QWEN3, messages).partition("</think>")
    assert thought.endswith(f"<|im_start|>assistant\n<think>\n{THOUGHT}\n")
    assert visible.startswith(f"\n\n{SAID}")
    assert "think>" not in visible


@pytest.mark.parametrize("form", ["field", "tags"])
def test_qwen3_sees_the_thinking_of_every_turn_with_a_call(
    form: str, run_script: Run, tmp_path: Path
) -> None:
    source = results(tmp_path, [LOOKED, HANDED_IN])
    seen = shown(QWEN3, conversation(run_script, source, "tool_calls", "--thinking_format", form))
    assert "<think>\nLet me look.\n</think>\n\nI look.[python]" in seen
    assert "<think>\nSo that is it.\n</think>\n\nIt mirrors.[submit]" in seen


def test_qwen3_sees_only_the_last_thinking_if_results_are_users_messages(
    run_script: Run, tmp_path: Path
) -> None:
    blocks = {**IN_BLOCKS, "thinking": "Early."}
    source = results(tmp_path, [blocks, WRITTEN])
    entry = json.loads(source.read_text().splitlines()[0])
    source.write_text(json.dumps(entry | {"thinking": ["Late."]}) + "\n")
    messages = conversation(run_script, source, "tool_calls")
    assert messages[2]["reasoning_content"] == "Early."
    seen = shown(QWEN3, messages)
    assert "Early." not in seen
    assert "<think>\nLate.\n</think>" in seen


def test_gpt_oss_sees_thinking_as_analysis_once_the_field_has_its_name(
    run_script: Run, tmp_path: Path
) -> None:
    messages = conversation(run_script, thinking_results(tmp_path), "messages")
    assert THOUGHT not in shown(GPT_OSS, messages), "it does not know reasoning_content"
    seen = shown(GPT_OSS, [for_gpt_oss(one) for one in messages])
    assert f"<|analysis|>{THOUGHT}<|end|><|final|>{SAID}" in seen


def test_gpt_oss_sees_tags_as_visible_text(run_script: Run, tmp_path: Path) -> None:
    source = thinking_results(tmp_path)
    messages = conversation(run_script, source, "messages", "--thinking_format", "tags")
    assert "<|final|><think>" in shown(GPT_OSS, messages)


def test_gpt_oss_sees_the_thinking_of_calls(run_script: Run, tmp_path: Path) -> None:
    source = results(tmp_path, [LOOKED, HANDED_IN])
    messages = [for_gpt_oss(one) for one in conversation(run_script, source, "tool_calls")]
    seen = shown(GPT_OSS, messages)
    assert "<|analysis|>Let me look.<|end|><|commentary|>[python]" in seen
    assert "<|analysis|>So that is it.<|end|><|commentary|>[submit]" in seen


@pytest.mark.parametrize("form", ["field", "tags"])
def test_deepseek_r1s_template_drops_thinking_and_rows_of_texts_keep_it(
    form: str, run_script: Run, tmp_path: Path
) -> None:
    source = thinking_results(tmp_path)
    messages = conversation(run_script, source, "messages", "--thinking_format", form)
    seen = shown(DEEPSEEK_R1, messages)
    assert "It mirrors." in seen
    assert THOUGHT not in seen
    output = tmp_path / "texts.jsonl"
    words = ("--format", "prompt_completion_text", "--output", output, "--reasoning", "both")
    run_script(SCRIPT, source, *words)
    (row, *_) = map(json.loads, output.read_text().splitlines())
    assert row["completion"].startswith(f"<think>\n{THOUGHT}\n</think>\n\n{SAID}")
