"""Point 1: thinking is never taken for the answer, in any format, in both stages, nor kept by clean."""

from __future__ import annotations

from typing import Any

import orjson

from tests.endpoints.answers import MARK, THOUGHT, changed, first_try, says
from tests.endpoints.cases import TWICE, Case, Command, Expected
from tests.support.scripted_server import Behaviour, Script

_MARKED = {
    "<think> and </think>": "<think>\nTHOUGHT DRAFT\n</think>\n\nANSWER",
    "only </think>, the prompt had opened it (Qwen3, DeepSeek R1)": "THOUGHT DRAFT\n</think>\n\nANSWER",
    "<THINK> in capitals": "<THINK>THOUGHT DRAFT</THINK>ANSWER",
    "two <think> blocks (MiniMax)": "<think>THOUGHT</think>\n<think>DRAFT</think>\nANSWER",
    "</think> spoken of in a thought": "<think>I close with </think>, then DRAFT, no.</think>ANSWER",
    "[THINK] (Magistral)": "[THINK]THOUGHT DRAFT[/THINK]ANSWER",
    "<seed:think> and its budget (Seed-OSS)": "<seed:think>THOUGHT<seed:cot_budget_reflect>20 used"
    "</seed:cot_budget_reflect>DRAFT</seed:think>ANSWER",
    "<|channel>thought (Gemma 4)": "<|channel>thought\nTHOUGHT DRAFT<channel|>ANSWER",
    "<unused94>thought (MedGemma)": "<unused94>thought\nTHOUGHT DRAFT<unused95>ANSWER",
    "◁think▷ (Kimi)": "◁think▷THOUGHT DRAFT◁/think▷ANSWER",
    "<|START_THINKING|> (Cohere)": "<|START_THINKING|>THOUGHT DRAFT<|END_THINKING|>"
    "<|START_RESPONSE|>ANSWER<|END_RESPONSE|>",
    "<thought> (EXAONE, Gemini)": "<thought>\nTHOUGHT DRAFT\n</thought>\n\nANSWER",
    "<reasoning>": "<reasoning>THOUGHT DRAFT</reasoning>\nANSWER",
    "<thinking> and <output> (Reflection)": "<thinking>THOUGHT <reflection>DRAFT</reflection></thinking>"
    "<output>ANSWER</output>",
    "<think> and <answer> (Hunyuan)": "<think>\nTHOUGHT DRAFT\n</think>\n<answer>\nANSWER\n</answer>",
    "<|begin_of_box|> (GLM-V)": "<think>THOUGHT DRAFT</think><|begin_of_box|>ANSWER<|end_of_box|>",
    "<|begin_of_thought|> (OpenThinker)": "<|begin_of_thought|>THOUGHT DRAFT<|end_of_thought|>"
    "<|begin_of_solution|>ANSWER<|end_of_solution|>",
    "<|inner_prefix|> (Apertus)": "<|inner_prefix|>THOUGHT DRAFT<|inner_suffix|>ANSWER",
    "<longcat_think>": "<longcat_think>THOUGHT DRAFT</longcat_think>ANSWER",
    "<|begin_of_reasoning|>": "<|begin_of_reasoning|>THOUGHT DRAFT<|end_of_reasoning|>ANSWER",
    "[THINKING]": "[THINKING]THOUGHT DRAFT[/THINKING]\nANSWER",
    "<draft> and <answer>": "<draft>DRAFT</draft>\n<answer>ANSWER</answer>",
    "<|think|> (Solar Open)": "<|think|>THOUGHT DRAFT<|end|><|begin|>assistant<|content|>ANSWER",
    "harmony channels (gpt-oss)": "<|channel|>analysis<|message|>THOUGHT DRAFT<|end|><|start|>assistant"
    "<|channel|>final<|message|>ANSWER<|return|>",
    "harmony, the final channel constrained": "<|channel|>analysis<|message|>THOUGHT DRAFT<|end|><|start|>"
    "assistant<|channel|>final <|constrain|>json<|message|>ANSWER",
    "harmony without its tokens": "analysisTHOUGHT DRAFT Too dull.assistantfinalANSWER",
    "harmony without tokens, with commentary": "analysisTHOUGHTassistantcommentaryDRAFTassistantfinalANSWER",
}
_TOLD = {
    "prose, a draft, prose, the answer": "Okay, the user wants a turn. Maybe DRAFT but that is dull.\nANSWER",
    "Thinking Process: … Final:": "Thinking Process:\n\n1. **Look**: THOUGHT\n2. **Draft**: DRAFT\n"
    "3. It is dull.\n\nFinal:\nANSWER",
    "Here is my thought process (Granite)": "Here is my thought process: THOUGHT DRAFT\n\n"
    "Here is my response: ANSWER",
    "a draft in one fence, the answer in another": "One:\n```json\nDRAFT\n```\nTwo:\n```json\nANSWER\n```",
    "a draft in a fence, the answer bare": "```json\nDRAFT\n```\nNo, shorter:\n\nANSWER",
    "thought without its tokens (Gemma 4)": "thought\nTHOUGHT DRAFT I will make it shorter.\nANSWER",
    "a draft and a better one, each under its word": "**Draft:** DRAFT\n\n**Better:** ANSWER",
    "a draft that is nearly JSON": "{'messages': ['qwdraft'], 'situation': 'qwdraft', 'topic': 'qwdraft'}\n\n"
    "No, as JSON:\nANSWER",
    "an object that is a plan, then the answer": f'{{"plan": "{MARK}"}}\n\nSo:\nANSWER',
}
_ONE_LINE = {
    "<think> in the line": "<think>THOUGHT DRAFT</think> ANSWER",
    "only </think> in the line": "THOUGHT</think> ANSWER",
    "[THINK] in the line": "[THINK]THOUGHT DRAFT[/THINK]ANSWER",
    "<seed:think> in the line": "<seed:think>THOUGHT DRAFT</seed:think>ANSWER",
    "<|channel>thought in the line": "<|channel>thought THOUGHT<channel|>ANSWER",
    "◁think▷ in the line": "◁think▷THOUGHT DRAFT◁/think▷ANSWER",
    "<|START_THINKING|> in the line": "<|START_THINKING|>THOUGHT<|END_THINKING|><|START_RESPONSE|>ANSWER",
    "<reasoning> in the line": "<reasoning>THOUGHT</reasoning> ANSWER",
    "harmony in the line": "<|channel|>analysis<|message|>THOUGHT<|end|><|start|>assistant"
    "<|channel|>final<|message|>ANSWER",
    "<|think|> in the line": "<|think|>THOUGHT DRAFT<|end|><|begin|>assistant<|content|>ANSWER",
    "<longcat_think> in the line": "<longcat_think>THOUGHT</longcat_think>ANSWER",
    "harmony without tokens in the line": "analysisTHOUGHT DRAFTassistantfinal ANSWER",
}
_UNUSABLE = {
    "a draft in a sentence": "Maybe DRAFT but that is dull.",
    "a draft, then the answer, then prose": "Perhaps DRAFT or else ANSWER, and I like the second one more.",
    "<think> that is never closed": "<think>\nTHOUGHT DRAFT",
    "[THINK] that is never closed": "[THINK]THOUGHT DRAFT",
    "<seed:think> that is never closed": "<seed:think>THOUGHT DRAFT",
    "◁think▷ that is never closed": "◁think▷THOUGHT DRAFT",
    "<|channel>thought that is never closed": "<|channel>thought\nTHOUGHT DRAFT",
    "harmony, analysis and nothing else": "<|channel|>analysis<|message|>THOUGHT DRAFT<|end|>",
    "harmony without tokens, analysis and nothing else": "analysisTHOUGHT DRAFT",
}


def _answered(name: str, script: Script, command: Command = "rollout", **settings: Any) -> Case:
    """The answer is there, and only it is taken."""
    return Case(1, Behaviour(name, script), command=command, settings=settings)


def _unanswered(name: str, script: Script, command: Command = "rollout") -> Case:
    """At the first try there is no answer: it is asked again, with another seed."""
    return Case(1, Behaviour(name, script), Expected(each=TWICE, again="other seed"), command)


def _inside(prefix: str) -> Script:
    """The thought stands in the message itself."""

    def change(choice: dict[str, Any]) -> None:
        messages = orjson.loads(choice["message"]["content"])["messages"]
        messages[0] = prefix.replace("THOUGHT", THOUGHT) + messages[0]
        choice["message"]["content"] = orjson.dumps({"messages": messages}).decode()

    return changed(change, when=first_try)


_OFF = {"sampling": {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}}}
_EFFORT = {"sampling": {"extra_body": {"reasoning_effort": "none"}}}
_DETAILS = [{"type": "reasoning.text", "text": "THOUGHT DRAFT", "format": "unknown", "index": 0}]
_SEALED = [{"type": "reasoning.encrypted", "data": "gAAAAABo", "id": "rs_1", "index": 0}]

_FIELDS = (
    _answered("answer in reasoning_content, content null (vLLM)", says(None, reasoning_content="ANSWER")),
    _answered("answer in reasoning, content empty", says("", reasoning="ANSWER")),
    _answered("answer in reasoning_content, content blank lines", says("\n\n", reasoning_content="ANSWER")),
    _answered(
        "answer in reasoning_content, content null", says(None, reasoning_content="ANSWER"), "experiences"
    ),
    _answered("answer in content, a draft in reasoning_content", says("ANSWER", reasoning_content="DRAFT")),
    _answered("answer in content, a draft in reasoning", says("ANSWER", reasoning="DRAFT"), "experiences"),
    _answered("answer in content, sealed reasoning_details", says("ANSWER", reasoning_details=_SEALED)),
    _unanswered(
        "thoughts in reasoning_content, content null",
        says(None, when=first_try, reasoning_content="THOUGHT DRAFT"),
    ),
    _unanswered("thoughts in reasoning, content empty", says("", when=first_try, reasoning="THOUGHT DRAFT")),
    _unanswered("a draft and prose in reasoning", says(None, when=first_try, reasoning="DRAFT is too long.")),
    _unanswered("thoughts in reasoning_details", says(None, when=first_try, reasoning_details=_DETAILS)),
    _unanswered(
        "thoughts in reasoning_content, content null",
        says(None, when=first_try, reasoning_content="THOUGHT DRAFT"),
        "experiences",
    ),
    _unanswered(
        "thoughts in reasoning_content", says(None, when=first_try, reasoning_content="DRAFT"), "transcript"
    ),
    _unanswered("thoughts in reasoning", says("", when=first_try, reasoning="DRAFT"), "transcript"),
    _answered(
        "thinking off, the line in reasoning_content",
        says(None, reasoning_content="ANSWER"),
        "transcript",
        rollout=_OFF,
    ),
    _answered(
        "no effort, the line in reasoning", says(None, reasoning="ANSWER"), "transcript", rollout=_EFFORT
    ),
    Case(
        1,
        Behaviour("nothing but thoughts in reasoning_content", says(None, reasoning_content="DRAFT")),
        Expected(exit=1, rows=0, asked=(4, 16), reasons=frozenset({"bad_turn"})),
        "transcript",
    ),
)
_OTHERS = (
    _answered(
        "two objects side by side, the second the other side's", says(f'ANSWER\n{{"messages": ["{MARK}"]}}')
    ),
    _answered("the same object twice, prose between", says("ANSWER\n\nAs JSON once more:\n\nANSWER")),
    _answered("an empty <think> block (Qwen3, thinking off)", says("<think>\n\n</think>\n\nANSWER")),
    *(
        Case(1, Behaviour(f"{name} inside a message", _inside(mark)), Expected(each=None))
        for name, mark in {
            "<think>": "<think>THOUGHT</think> ",
            "[THINK]": "[THINK]THOUGHT[/THINK]",
            "◁think▷": "◁think▷THOUGHT◁/think▷",
            "<|channel>thought": "<|channel>thought\nTHOUGHT<channel|>",
        }.items()
    ),
)
_CLEAN = {
    "<think>": "<think>THOUGHT</think> ANSWER",
    "only </think>": "THOUGHT\n</think>\nANSWER",
    "[THINK]": "[THINK]THOUGHT[/THINK]ANSWER",
    "<seed:think>": "<seed:think>THOUGHT</seed:think>ANSWER",
    "◁think▷": "◁think▷THOUGHT◁/think▷ANSWER",
    "<|channel>thought": "<|channel>thought\nTHOUGHT<channel|>ANSWER",
    "<|START_THINKING|>": "<|START_THINKING|>THOUGHT<|END_THINKING|>ANSWER",
    "<reasoning>": "<reasoning>THOUGHT</reasoning>ANSWER",
    "<|inner_prefix|>": "<|inner_prefix|>THOUGHT<|inner_suffix|>ANSWER",
    "<longcat_think>": "<longcat_think>THOUGHT</longcat_think>ANSWER",
    "harmony": "<|channel|>analysis<|message|>THOUGHT<|end|><|start|>assistant<|channel|>final"
    "<|message|>ANSWER",
    "harmony without tokens": "analysisTHOUGHTassistantfinalANSWER",
}

CASES = (
    *(_answered(name, says(text)) for name, text in (_MARKED | _TOLD).items()),
    *(_answered(name, says(text), "experiences") for name, text in list((_MARKED | _TOLD).items())[::4]),
    *(_answered(name, says(text), "transcript") for name, text in _ONE_LINE.items()),
    *(_answered(name, says(text), "lines") for name, text in list(_ONE_LINE.items())[::2]),
    *(_unanswered(name, says(text, when=first_try)) for name, text in _UNUSABLE.items()),
    *(
        _unanswered(name, says(text, when=first_try), "experiences")
        for name, text in list(_UNUSABLE.items())[::3]
    ),
    *_FIELDS,
    *_OTHERS,
    *(
        Case(1, Behaviour(f"a chat with {name} in a message"), command="clean", chats=text)
        for name, text in _CLEAN.items()
    ),
)
