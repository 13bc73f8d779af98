"""The unmodified `openai` package, pointed at the gateway.

Run with LLMLITE_BASE_URL and LLMLITE_KEY set; the Rust test `sdk_clients` does so. The model behind
the gateway is the simulator, which obeys the `[[sim:...]]` marks in the prompts.
"""

import base64
import json
import os
import struct
import unittest
import zlib

import openai
import pydantic

BASE_URL = os.environ["LLMLITE_BASE_URL"]
KEY = os.environ["LLMLITE_KEY"]
MODEL = os.environ["LLMLITE_MODEL"]
# Thinks within a budget, takes schemas and caches prompts.
ABLE_MODEL = "claude-sonnet-4-5"
# One for each way to a structured answer: Claude's own, a forced tool, and words.
SCHEMA_MODELS = [ABLE_MODEL, "claude-sonnet-4", "claude-sonnet-5-5"]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def client(key=KEY):
    # No retries: a test should see the first answer, not the third.
    return openai.OpenAI(base_url=BASE_URL, api_key=key, max_retries=0, timeout=30)


def user(text):
    return {"role": "user", "content": text}


def red_dot():
    """A picture of one red pixel, as a data URL."""

    def chunk(kind, data):
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00"))
        + chunk(b"IEND", b"")
    )
    return "data:image/png;base64," + base64.b64encode(png).decode()


class Chat(unittest.TestCase):
    def test_a_completion_has_text_a_finish_reason_and_usage(self):
        answer = client().chat.completions.create(
            model=MODEL,
            messages=[
                {"role": "system", "content": "Be brief."},
                user("[[sim:say the tide is out]]"),
            ],
            temperature=0.2,
            max_completion_tokens=64,
        )
        self.assertTrue(answer.id.startswith("chatcmpl-"), answer.id)
        self.assertEqual(answer.object, "chat.completion")
        self.assertEqual(answer.model, MODEL)
        self.assertEqual(answer.choices[0].index, 0)
        self.assertEqual(answer.choices[0].message.role, "assistant")
        self.assertEqual(answer.choices[0].message.content, "the tide is out")
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertGreater(answer.usage.prompt_tokens, 0)
        self.assertGreater(answer.usage.completion_tokens, 0)
        self.assertEqual(
            answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens
        )

    def test_every_role_of_a_conversation_is_accepted(self):
        answer = client().chat.completions.create(
            model=MODEL,
            messages=[
                {"role": "developer", "content": "Answer in English."},
                user("Hello"),
                {"role": "assistant", "content": "Hello, what can I do?"},
                user([{"type": "text", "text": "[[sim:say good evening]]"}]),
            ],
        )
        self.assertEqual(answer.choices[0].message.content, "good evening")

    def test_an_answer_cut_by_the_token_limit_says_length(self):
        answer = client().chat.completions.create(
            model=MODEL, messages=[user("[[sim:long 200]]")], max_tokens=10
        )
        self.assertEqual(answer.choices[0].finish_reason, "length")
        self.assertLessEqual(answer.usage.completion_tokens, 10)

    def test_a_stop_sequence_ends_the_answer_before_itself(self):
        answer = client().chat.completions.create(
            model=MODEL, messages=[user("[[sim:say one two HALT three]]")], stop=["HALT"]
        )
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual(answer.choices[0].message.content.strip(), "one two")

    def test_a_picture_in_a_data_url_is_accepted(self):
        answer = client().chat.completions.create(
            model=MODEL,
            messages=[
                user(
                    [
                        {"type": "text", "text": "What colour is this?"},
                        {"type": "image_url", "image_url": {"url": red_dot()}},
                    ]
                )
            ],
        )
        self.assertTrue(answer.choices[0].message.content)
        self.assertEqual(answer.choices[0].finish_reason, "stop")


class Streams(unittest.TestCase):
    def test_a_stream_carries_the_role_then_the_text_then_the_finish_reason(self):
        chunks = list(
            client().chat.completions.create(
                model=MODEL, messages=[user("[[sim:long 40]]")], stream=True
            )
        )
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        texts = [c.choices[0].delta.content for c in chunks if c.choices[0].delta.content]
        self.assertGreater(len(texts), 3, "a long answer comes in pieces")
        reasons = [c.choices[0].finish_reason for c in chunks]
        self.assertEqual(reasons[-1], "stop")
        self.assertTrue(all(r is None for r in reasons[:-1]), reasons)
        self.assertEqual({c.id for c in chunks}, {chunks[0].id})
        self.assertTrue(all(c.usage is None for c in chunks))

    def test_usage_comes_last_when_it_is_asked_for(self):
        chunks = list(
            client().chat.completions.create(
                model=MODEL,
                messages=[user("[[sim:say counted]]")],
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreater(chunks[-1].usage.completion_tokens, 0)
        self.assertTrue(all(c.usage is None for c in chunks[:-1]))

    def test_the_same_prompt_gives_the_same_text_streamed_or_whole(self):
        messages = [user("[[sim:long 60]]")]
        whole = client().chat.completions.create(model=MODEL, messages=messages)
        pieces = client().chat.completions.create(model=MODEL, messages=messages, stream=True)
        text = "".join(c.choices[0].delta.content or "" for c in pieces)
        self.assertEqual(text, whole.choices[0].message.content)

    def test_the_stream_helper_puts_a_tool_call_together(self):
        with client().chat.completions.stream(
            model=MODEL,
            messages=[user('[[sim:call get_weather {"city":"Oslo"}]]')],
            tools=[WEATHER],
        ) as stream:
            for _ in stream:
                pass
            choice = stream.get_final_completion().choices[0]
        self.assertEqual(choice.finish_reason, "tool_calls")
        self.assertEqual(choice.message.tool_calls[0].function.name, "get_weather")
        self.assertEqual(json.loads(choice.message.tool_calls[0].function.arguments), {"city": "Oslo"})


class Tools(unittest.TestCase):
    def test_a_tool_is_called_and_its_result_answered(self):
        messages = [user('[[sim:call get_weather {"city":"Leeds"}]]')]
        first = client().chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
        self.assertEqual(first.choices[0].finish_reason, "tool_calls")
        call = first.choices[0].message.tool_calls[0]
        self.assertEqual(call.type, "function")
        self.assertEqual(call.function.name, "get_weather")
        self.assertEqual(json.loads(call.function.arguments), {"city": "Leeds"})

        messages.append(first.choices[0].message)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "rain, 9 degrees"})
        second = client().chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
        self.assertEqual(second.choices[0].finish_reason, "stop")
        self.assertTrue(second.choices[0].message.content)
        self.assertIsNone(second.choices[0].message.tool_calls)

    def test_two_calls_at_once_are_told_apart(self):
        answer = client().chat.completions.create(
            model=MODEL,
            messages=[
                user(
                    '[[sim:parallel]] [[sim:call get_weather {"city":"Rome"}]] '
                    '[[sim:call get_weather {"city":"Bonn"}]]'
                )
            ],
            tools=[WEATHER],
        )
        calls = answer.choices[0].message.tool_calls
        self.assertEqual(
            [json.loads(c.function.arguments)["city"] for c in calls], ["Rome", "Bonn"]
        )
        self.assertEqual(len({c.id for c in calls}), 2)

    def test_parallel_calls_are_told_apart_in_a_stream(self):
        with client().chat.completions.stream(
            model=MODEL,
            messages=[
                user(
                    '[[sim:parallel]] [[sim:call get_weather {"city":"Rome"}]] '
                    '[[sim:call get_weather {"city":"Bonn"}]] [[sim:call get_weather {"city":"Riga"}]]'
                )
            ],
            tools=[WEATHER],
        ) as stream:
            chunks = [e.chunk for e in stream if e.type == "chunk"]
            calls = stream.get_final_completion().choices[0].message.tool_calls
        self.assertEqual(
            [json.loads(c.function.arguments)["city"] for c in calls], ["Rome", "Bonn", "Riga"]
        )
        deltas = [d for c in chunks for d in c.choices[0].delta.tool_calls or []]
        self.assertEqual(sorted({d.index for d in deltas}), [0, 1, 2])
        self.assertEqual(len([d for d in deltas if d.id]), 3)

    def test_a_custom_tool_takes_plain_text(self):
        text = 'print("hi")\n\tdone \u00e9 \U0001f600'
        packed = base64.urlsafe_b64encode(json.dumps({"input": text}).encode()).decode().rstrip("=")
        options = {
            "model": MODEL,
            "messages": [user(f"[[sim:call run_code b64:{packed}]]")],
            "tools": [{"type": "custom", "custom": {"name": "run_code", "description": "Runs it."}}],
        }
        call = client().chat.completions.create(**options).choices[0].message.tool_calls[0]
        self.assertEqual(call.type, "custom")
        self.assertEqual((call.custom.name, call.custom.input), ("run_code", text))
        pieces = client().chat.completions.create(stream=True, **options)
        deltas = [d for p in pieces for d in p.choices[0].delta.tool_calls or []]
        self.assertEqual("".join(d.model_extra["custom"].get("input", "") for d in deltas), text)

    def test_a_forced_tool_is_called(self):
        answer = client().chat.completions.create(
            model=MODEL,
            messages=[user("Good morning")],
            tools=[WEATHER],
            tool_choice={"type": "function", "function": {"name": "get_weather"}},
        )
        self.assertEqual(answer.choices[0].message.tool_calls[0].function.name, "get_weather")


class Party(pydantic.BaseModel):
    name: str
    guests: list[str]
    place: str | None


class Structured(unittest.TestCase):
    MARK = '[[sim:json {"name":"Tea","guests":["Ada","Bob"],"place":null}]]'
    PARTY = Party(name="Tea", guests=["Ada", "Bob"], place=None)

    def test_the_parse_helper_gives_an_object_with_every_kind_of_model(self):
        for model in SCHEMA_MODELS:
            with self.subTest(model):
                answer = client().chat.completions.parse(
                    model=model, messages=[user(self.MARK)], response_format=Party
                )
                self.assertEqual(answer.choices[0].finish_reason, "stop")
                self.assertEqual(answer.choices[0].message.parsed, self.PARTY)
                self.assertIsNone(answer.choices[0].message.tool_calls)

    def test_the_stream_helper_parses_too(self):
        for model in SCHEMA_MODELS:
            with self.subTest(model):
                with client().chat.completions.stream(
                    model=model, messages=[user(self.MARK)], response_format=Party
                ) as stream:
                    pieces = [e for e in stream if e.type == "content.delta"]
                    choice = stream.get_final_completion().choices[0]
                self.assertTrue(pieces)
                self.assertEqual(choice.message.parsed, self.PARTY)
                self.assertEqual(choice.finish_reason, "stop")

    def test_the_arguments_of_a_strict_tool_are_parsed(self):
        for model in SCHEMA_MODELS:
            with self.subTest(model):
                answer = client().chat.completions.parse(
                    model=model,
                    messages=[user('[[sim:call Party {"name":"Tea","guests":[],"place":"here"}]]')],
                    tools=[openai.pydantic_function_tool(Party)],
                )
                call = answer.choices[0].message.tool_calls[0]
                self.assertEqual(
                    call.function.parsed_arguments, Party(name="Tea", guests=[], place="here")
                )

    def test_an_answer_in_json_mode_is_json(self):
        answer = client().chat.completions.create(
            model=MODEL,
            messages=[user('[[sim:json {"a":1}]] Answer with JSON.')],
            response_format={"type": "json_object"},
        )
        self.assertEqual(json.loads(answer.choices[0].message.content), {"a": 1})

    def test_a_refusal_is_told_apart_from_an_answer(self):
        answer = client().chat.completions.create(
            model=ABLE_MODEL, messages=[user("[[sim:refuse I would rather not]]")]
        )
        self.assertEqual(answer.choices[0].finish_reason, "content_filter")
        self.assertTrue(answer.choices[0].message.refusal)


class Reasoning(unittest.TestCase):
    THINK = '[[sim:think]] [[sim:call get_weather {"city":"Leeds"}]]'

    def test_thoughts_are_shown_and_go_back_with_their_signatures(self):
        messages = [user(self.THINK)]
        options = {
            "model": ABLE_MODEL,
            "tools": [WEATHER],
            "reasoning_effort": "low",
            "max_completion_tokens": 8000,
        }
        first = client().chat.completions.with_raw_response.create(messages=messages, **options)
        self.assertNotIn("x-llmlite-adjusted", first.headers)
        message = first.parse().choices[0].message
        self.assertTrue(message.reasoning_content)
        [thought] = message.reasoning_details
        self.assertEqual(thought["text"], message.reasoning_content)
        self.assertTrue(thought["signature"])

        messages.append(message)
        messages.append(
            {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "rain"}
        )
        second = client().chat.completions.with_raw_response.create(messages=messages, **options)
        self.assertNotIn("x-llmlite-adjusted", second.headers, "the model goes on thinking")
        self.assertTrue(second.parse().choices[0].message.content)

    def test_a_client_that_forgets_the_thoughts_is_answered_all_the_same(self):
        answer = client().chat.completions.with_raw_response.create(
            model=ABLE_MODEL,
            tools=[WEATHER],
            reasoning_effort="low",
            max_completion_tokens=8000,
            messages=[
                user("[[sim:say after the call]]"),
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "get_weather", "arguments": '{"city":"Leeds"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
            ],
        )
        self.assertIn("reasoning_effort", answer.headers["x-llmlite-adjusted"])
        self.assertTrue(answer.parse().choices[0].message.content)

    def test_streamed_thoughts_come_before_the_answer(self):
        with client().chat.completions.stream(
            model=ABLE_MODEL,
            messages=[user("[[sim:think]] [[sim:say forty-two]]")],
            reasoning_effort="medium",
            max_completion_tokens=16000,
        ) as stream:
            chunks = [e.chunk for e in stream if e.type == "chunk"]
            message = stream.get_final_completion().choices[0].message
        deltas = [c.choices[0].delta for c in chunks if c.choices]
        kinds = ["thought" if d.model_extra.get("reasoning_content") else "text" for d in deltas
                 if d.model_extra.get("reasoning_content") or d.content]
        self.assertEqual(kinds, sorted(kinds, reverse=True))
        self.assertIn("thought", kinds)
        self.assertEqual(message.content, "forty-two")
        details = [d for delta in deltas for d in delta.model_extra.get("reasoning_details") or []]
        self.assertTrue(details[0]["signature"])

    def test_the_tokens_of_thinking_are_counted(self):
        answer = client().chat.completions.create(
            model=ABLE_MODEL,
            messages=[user("[[sim:think]] [[sim:say done]]")],
            reasoning_effort="low",
            max_completion_tokens=8000,
        )
        details = answer.usage.completion_tokens_details
        self.assertGreater(details.reasoning_tokens, 0)
        self.assertLess(details.reasoning_tokens, answer.usage.completion_tokens)


class Documents(unittest.TestCase):
    def test_a_pdf_is_read(self):
        pdf = base64.b64encode(b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n%%EOF").decode()
        answer = client().chat.completions.create(
            model=ABLE_MODEL,
            messages=[
                user(
                    [
                        {
                            "type": "file",
                            "file": {
                                "filename": "Minutes (final).pdf",
                                "file_data": "data:application/pdf;base64," + pdf,
                            },
                        },
                        {"type": "text", "text": "[[sim:say it is short]]"},
                    ]
                )
            ],
        )
        self.assertEqual(answer.choices[0].message.content, "it is short")


class Caching(unittest.TestCase):
    def test_the_second_identical_call_reads_the_prompt_from_the_cache(self):
        rules = "Rule: speak plainly, and say what is so. " * 300
        options = {
            "model": ABLE_MODEL,
            "messages": [{"role": "system", "content": rules}, user("[[sim:say yes]]")],
            "tools": [WEATHER],
        }
        first = client().chat.completions.create(**options).usage
        second = client().chat.completions.create(**options).usage
        self.assertEqual(first.prompt_tokens_details.cached_tokens, 0)
        self.assertGreater(second.prompt_tokens_details.cached_tokens, 1024)
        self.assertEqual(first.prompt_tokens, second.prompt_tokens)

    def test_the_cache_can_be_left_alone(self):
        rules = "Another rule: leave the cache alone, whatever comes. " * 300
        options = {
            "model": ABLE_MODEL,
            "messages": [{"role": "system", "content": rules}, user("[[sim:say yes]]")],
            "extra_headers": {"x-llmlite-cache": "off"},
        }
        for _ in range(2):
            details = client().chat.completions.create(**options).usage.prompt_tokens_details
            self.assertEqual((details.cached_tokens, details.cache_write_tokens), (0, 0))


class Legacy(unittest.TestCase):
    FUNCTION = {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }

    def test_functions_from_before_tools_are_called_and_answered(self):
        messages = [user('[[sim:call get_weather {"city":"Leeds"}]]')]
        first = client().chat.completions.create(
            model=MODEL, messages=messages, functions=[self.FUNCTION]
        ).choices[0]
        self.assertEqual(first.finish_reason, "function_call")
        self.assertEqual(first.message.function_call.name, "get_weather")
        self.assertEqual(json.loads(first.message.function_call.arguments), {"city": "Leeds"})
        messages.append(first.message)
        messages.append({"role": "function", "name": "get_weather", "content": "rain"})
        second = client().chat.completions.create(
            model=MODEL, messages=messages, functions=[self.FUNCTION]
        )
        self.assertEqual(second.choices[0].finish_reason, "stop")

    def test_a_text_completion_continues_a_prompt(self):
        answer = client().completions.create(model=MODEL, prompt="[[sim:say and so on]]")
        self.assertEqual(answer.object, "text_completion")
        self.assertEqual(answer.choices[0].text, "and so on")
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        pieces = client().completions.create(
            model=MODEL, prompt="[[sim:say and so on]]", stream=True
        )
        self.assertEqual("".join(p.choices[0].text for p in pieces if p.choices), "and so on")


class Strict(unittest.TestCase):
    def test_what_would_be_ignored_is_refused_in_strict_mode(self):
        options = {"model": MODEL, "messages": [user("Hello")], "seed": 7}
        answer = client().chat.completions.with_raw_response.create(**options)
        self.assertIn("seed", answer.headers["x-llmlite-ignored"])
        with self.assertRaises(openai.BadRequestError) as caught:
            client().chat.completions.create(**options, extra_headers={"x-llmlite-strict": "true"})
        self.assertEqual(caught.exception.param, "seed")


class Models(unittest.TestCase):
    def test_the_list_holds_the_model_and_each_entry_can_be_asked_for(self):
        models = client().models.list().data
        names = [m.id for m in models]
        self.assertIn(MODEL, names)
        self.assertEqual(len(names), len(set(names)))
        one = client().models.retrieve(MODEL)
        self.assertEqual(one.id, MODEL)
        self.assertEqual(one.object, "model")
        self.assertIsInstance(one.created, int)
        self.assertTrue(one.owned_by)


class Refusals(unittest.TestCase):
    def refused(self, kind, status, code, call):
        with self.assertRaises(kind) as caught:
            call()
        error = caught.exception
        self.assertEqual(error.status_code, status)
        self.assertEqual(error.code, code)
        self.assertTrue(error.request_id)
        self.assertIn("message", error.body)
        return error

    def test_a_wrong_key_is_an_authentication_error(self):
        for wrong in ["sk-wrong", "sk-llm-" + "0" * 46]:
            self.refused(
                openai.AuthenticationError,
                401,
                "invalid_api_key",
                lambda: client(wrong).chat.completions.create(
                    model=MODEL, messages=[user("Hello")]
                ),
            )

    def test_an_unknown_model_is_not_found(self):
        error = self.refused(
            openai.NotFoundError,
            404,
            "model_not_found",
            lambda: client().chat.completions.create(
                model="claude-9-imaginary", messages=[user("Hello")]
            ),
        )
        self.assertIn("claude-9-imaginary", error.message)
        self.refused(
            openai.NotFoundError,
            404,
            "model_not_found",
            lambda: client().models.retrieve("claude-9-imaginary"),
        )

    def test_a_bad_value_is_a_bad_request_that_names_the_parameter(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            client().chat.completions.create(
                model=MODEL, messages=[user("Hello")], extra_body={"temperature": "warm"}
            )
        self.assertEqual(caught.exception.param, "temperature")
        self.assertEqual(caught.exception.type, "invalid_request_error")

    def test_a_picture_on_the_web_is_refused_before_any_call(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            client().chat.completions.create(
                model=MODEL,
                messages=[
                    user([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])
                ],
            )
        self.assertIn("messages[0]", caught.exception.param)

    def test_a_throttled_model_is_a_rate_limit_error(self):
        with self.assertRaises(openai.RateLimitError) as caught:
            client().chat.completions.create(
                model=MODEL, messages=[user("[[sim:fault throttle]]")]
            )
        self.assertEqual(caught.exception.status_code, 429)

    def test_an_error_in_mid_stream_is_raised_not_swallowed(self):
        with self.assertRaises(openai.APIError):
            for _ in client().chat.completions.create(
                model=MODEL, messages=[user("[[sim:long 80]] [[sim:fault cut]]")], stream=True
            ):
                pass


if __name__ == "__main__":
    unittest.main()
