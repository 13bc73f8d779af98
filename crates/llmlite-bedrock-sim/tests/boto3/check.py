"""Reads the simulator with boto3, a client that shares nothing with it.

Usage: check.py URL

Prints one line per check; the exit code is 0 when all of them hold.
"""

import base64
import json
import sys
import urllib.request

import boto3
from botocore.config import Config
from botocore.eventstream import ChecksumMismatch
from botocore.exceptions import ClientError, EventStreamError

MODEL = "sim.claude-v1:0"
SECRET = "a secret of this test"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def client(url, secret=SECRET, region="eu-west-2"):
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key=secret,
        aws_session_token="a session token",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
    )


def control(url, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/_sim/{path}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def messages_body(text, **more):
    return json.dumps(
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 200,
            "messages": [{"role": "user", "content": text}],
            **more,
        }
    )


def invoke(bedrock, text, **more):
    answer = bedrock.invoke_model(modelId=MODEL, body=messages_body(text, **more))
    return answer, json.loads(answer["body"].read())


def invoke_stream(bedrock, text, **more):
    answer = bedrock.invoke_model_with_response_stream(modelId=MODEL, body=messages_body(text, **more))
    return [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]


def converse_input(text, **more):
    return {
        "modelId": MODEL,
        "messages": [{"role": "user", "content": [{"text": text}]}],
        "inferenceConfig": {"maxTokens": 200},
        **more,
    }


ADD = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
INVOKE_TOOLS = [{"name": "add", "description": "adds", "input_schema": ADD}]
CONVERSE_TOOLS = {"tools": [{"toolSpec": {"name": "add", "inputSchema": {"json": ADD}}}]}


def check_invoke_model(url):
    answer, body = invoke(client(url), "[[sim:say good day]]")
    assert body["content"] == [{"type": "text", "text": "good day"}], body
    assert body["stop_reason"] == "end_turn" and body["role"] == "assistant", body
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-bedrock-input-token-count"] == str(body["usage"]["input_tokens"])
    assert headers["x-amzn-bedrock-output-token-count"] == str(body["usage"]["output_tokens"])
    assert body["usage"]["output_tokens"] == 2
    line = control(url, "GET", "bill")[-1]
    assert line["request_id"] == answer["ResponseMetadata"]["RequestId"], line
    assert (line["output_tokens"], line["streamed"], line["complete"]) == (2, False, True), line


def check_invoke_model_with_response_stream(url):
    events = invoke_stream(client(url), "[[sim:call add b64:eyJhIjogMSwgImIiOiAyfQ]]", tools=INVOKE_TOOLS)
    kinds = [event["type"] for event in events]
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"], kinds
    start = next(event for event in events if event["type"] == "content_block_start")
    assert start["content_block"]["name"] == "add" and start["content_block"]["input"] == {}, start
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert json.loads("".join(delta["partial_json"] for delta in deltas)) == {"a": 1, "b": 2}
    assert events[-2]["delta"]["stop_reason"] == "tool_use", events[-2]
    metrics = events[-1]["amazon-bedrock-invocationMetrics"]
    assert metrics["outputTokenCount"] == events[-2]["usage"]["output_tokens"], metrics
    assert metrics["inputTokenCount"] == events[0]["message"]["usage"]["input_tokens"], metrics
    line = control(url, "GET", "bill")[-1]
    assert line["streamed"] and line["output_tokens"] == metrics["outputTokenCount"], line


def check_invoke_thinking(url):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    _, body = invoke(client(url), "[[sim:say yes]]", max_tokens=2000, thinking=thinking)
    first, second = body["content"]
    assert first["type"] == "thinking" and first["signature"] and second["text"] == "yes", body


def check_invoke_cache(url):
    block = {"type": "text", "text": f"a system prompt for {url}", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    first, second = (invoke(client(url), "[[sim:say yes]]", system=[block])[1]["usage"] for _ in range(2))
    written = first["cache_creation_input_tokens"]
    assert written > 0 and first["cache_creation"]["ephemeral_1h_input_tokens"] == written, first
    assert second["cache_read_input_tokens"] == written and second["cache_creation_input_tokens"] == 0, second


def check_converse_redacted_round_trip(url):
    bedrock = client(url)
    fields = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    request = converse_input("[[sim:redact]] [[sim:say yes]]", additionalModelRequestFields=fields)
    request["inferenceConfig"]["maxTokens"] = 2000
    answer = bedrock.converse(**request)
    redacted = answer["output"]["message"]["content"][0]["reasoningContent"]["redactedContent"]
    deltas = [e["contentBlockDelta"]["delta"] for e in bedrock.converse_stream(**request)["stream"] if "contentBlockDelta" in e]
    assert deltas[0] == {"reasoningContent": {"redactedContent": redacted}}, deltas
    request["messages"] += [answer["output"]["message"], {"role": "user", "content": [{"text": "go on"}]}]
    assert bedrock.converse(**request)["stopReason"] == "end_turn"
    request["messages"][1]["content"][0]["reasoningContent"]["redactedContent"] = b"forged"
    status, message = refused(lambda: bedrock.converse(**request))
    assert status == 400, message


def check_converse(url):
    answer = client(url).converse(**converse_input("[[sim:say good day]]", requestMetadata={"team": "blue"}))
    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": "good day"}]}, answer
    assert answer["stopReason"] == "end_turn"
    usage = answer["usage"]
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"], usage
    assert control(url, "GET", "bill")[-1]["metadata"] == {"team": "blue"}


def check_converse_tool_round_trip(url):
    bedrock = client(url)
    request = converse_input('[[sim:call add {"a": 1, "b": 2}]] [[sim:say three]]', toolConfig=CONVERSE_TOOLS)
    first = bedrock.converse(**request)
    assert first["stopReason"] == "tool_use", first
    call = first["output"]["message"]["content"][0]["toolUse"]
    assert call["name"] == "add" and call["input"] == {"a": 1, "b": 2}, call
    result = {"toolUseId": call["toolUseId"], "content": [{"json": {"sum": 3}}]}
    request["messages"] += [first["output"]["message"], {"role": "user", "content": [{"toolResult": result}]}]
    second = bedrock.converse(**request)
    assert second["output"]["message"]["content"] == [{"text": "three"}], second


def check_converse_picture(url):
    image = {"image": {"format": "png", "source": {"bytes": PNG}}}
    request = converse_input("what is this")
    request["messages"][0]["content"].append(image)
    text = client(url).converse(**request)["output"]["message"]["content"][0]["text"]
    assert f"image/png with {len(PNG)} bytes" in text, text


def check_converse_stream(url):
    fields = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    request = converse_input("[[sim:long 40]]", additionalModelRequestFields=fields)
    request["inferenceConfig"]["maxTokens"] = 2000
    events = list(client(url).converse_stream(**request)["stream"])
    names = [next(iter(event)) for event in events]
    assert names[0] == "messageStart" and names[-2:] == ["messageStop", "metadata"], names
    assert "contentBlockStart" not in names, names
    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    text = "".join(delta["delta"].get("text", "") for delta in deltas)
    assert len(text.split()) == 40, text
    thoughts = [delta["delta"]["reasoningContent"] for delta in deltas if delta["contentBlockIndex"] == 0]
    assert "signature" in thoughts[-1] and thoughts[0]["text"], thoughts
    usage = events[-1]["metadata"]["usage"]
    assert usage["outputTokens"] == control(url, "GET", "bill")[-1]["output_tokens"], usage


def check_converse_stream_tool(url):
    request = converse_input('[[sim:call add {"a":1,"b":2}]]', toolConfig=CONVERSE_TOOLS)
    events = list(client(url).converse_stream(**request)["stream"])
    start = next(event["contentBlockStart"] for event in events if "contentBlockStart" in event)
    assert start["start"]["toolUse"]["name"] == "add", start
    parts = [event["contentBlockDelta"]["delta"]["toolUse"]["input"] for event in events if "contentBlockDelta" in event]
    assert json.loads("".join(parts)) == {"a": 1, "b": 2}, parts


def check_count_tokens(url):
    bedrock = client(url)
    body = messages_body("how long is this")
    counted = bedrock.count_tokens(modelId=MODEL, input={"invokeModel": {"body": body.encode()}})
    answer, _ = invoke(bedrock, "how long is this")
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert str(counted["inputTokens"]) == headers["x-amzn-bedrock-input-token-count"], counted
    messages = [{"role": "user", "content": [{"text": "how long is this"}]}]
    counted = bedrock.count_tokens(modelId=MODEL, input={"converse": {"messages": messages}})
    assert counted["inputTokens"] > 5, counted


def check_cache(url):
    bedrock = client(url)
    system = [{"type": "text", "text": "a long prefix " * 50, "cache_control": {"type": "ephemeral"}}]
    _, first = invoke(bedrock, "one", system=system)
    _, second = invoke(bedrock, "two", system=system)
    written = first["usage"]["cache_creation_input_tokens"]
    assert written > 100 and first["usage"]["cache_read_input_tokens"] == 0, first
    assert second["usage"]["cache_read_input_tokens"] == written, second
    assert second["usage"]["cache_creation_input_tokens"] == 0, second


def refused(call):
    try:
        call()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]
    raise AssertionError("the call was not refused")


def check_errors(url):
    bedrock = client(url)
    kinds = [
        ("throttle", 429, "ThrottlingException", bedrock.exceptions.ThrottlingException),
        ("error500", 500, "InternalServerException", bedrock.exceptions.InternalServerException),
        ("503", 503, "ServiceUnavailableException", bedrock.exceptions.ServiceUnavailableException),
        ("error ModelTimeoutException", 408, "ModelTimeoutException", bedrock.exceptions.ModelTimeoutException),
    ]
    for fault, status, code, kind in kinds:
        for call in (invoke, invoke_stream):
            got, error = refused(lambda: call(bedrock, f"[[sim:fault {fault}]]"))
            assert got == status and error["Code"] == code and error["Message"], (fault, got, error)
        try:
            bedrock.converse(**converse_input(f"[[sim:fault {fault}]]"))
            raise AssertionError("the call was not refused")
        except kind:
            pass


def check_validation(url):
    bedrock = client(url)
    status, error = refused(lambda: invoke(bedrock, " "))
    assert (status, error["Code"]) == (400, "ValidationException"), error
    assert error["Message"] == "messages: text content blocks must contain non-whitespace text", error
    status, error = refused(lambda: bedrock.invoke_model(modelId="gpt-4", body=messages_body("hi")))
    assert error["Message"] == "The provided model identifier is invalid.", error


def check_signatures(url):
    status, error = refused(lambda: invoke(client(url, secret="wrong"), "hi"))
    assert (status, error["Code"]) == (403, "InvalidSignatureException"), error
    status, error = refused(lambda: invoke(client(url, region="us-east-1"), "hi"))
    assert "valid region" in error["Message"], error


def failed(stream):
    events = []
    try:
        for event in stream:
            events.append(event)
    except Exception as error:
        return events, error
    raise AssertionError(f"the stream did not fail after {len(events)} events")


def check_exception_in_the_middle(url):
    text = "[[sim:long 60]] [[sim:fault exception modelStreamErrorException]]"
    answer = client(url).invoke_model_with_response_stream(modelId=MODEL, body=messages_body(text))
    events, error = failed(answer["body"])
    assert isinstance(error, EventStreamError), repr(error)
    assert error.response["Error"]["Code"] == "modelStreamErrorException", error.response
    assert len(events) > 3, events
    line = control(url, "GET", "bill")[-1]
    assert not line["complete"] and 10 < line["output_tokens"] < 60, line


def check_exception_as_first_frame(url):
    text = "[[sim:fault exception-first throttlingException]]"
    before = len(control(url, "GET", "bill"))
    events, error = failed(client(url).converse_stream(**converse_input(text))["stream"])
    assert events == [] and isinstance(error, EventStreamError), repr(error)
    assert error.response["Error"]["Code"] == "throttlingException", error.response
    assert len(control(url, "GET", "bill")) == before


def check_wrong_checksum(url):
    text = "[[sim:long 60]] [[sim:fault malformed]]"
    events, error = failed(client(url).converse_stream(**converse_input(text))["stream"])
    assert events and isinstance(error, ChecksumMismatch), repr(error)


def check_script(url):
    control(url, "POST", "script", {"faults": [{"fault": "throttle", "next": 1}], "answers": ["[[sim:say scripted]]"]})
    bedrock = client(url)
    status, _ = refused(lambda: invoke(bedrock, "hi"))
    assert status == 429
    assert invoke(bedrock, "hi")[1]["content"][0]["text"] == "scripted"
    assert invoke(bedrock, "hi")[1]["content"][0]["text"] != "scripted"
    last = control(url, "GET", "requests")[-1]
    assert last["body"]["messages"][0]["content"] == "hi" and last["model"] == MODEL, last
    assert "authorization" not in dict(last["headers"]), last


def main():
    url = sys.argv[1]
    control(url, "POST", "script", {"secret": SECRET, "region": "eu-west-2"})
    checks = {name: check for name, check in globals().items() if name.startswith("check_")}
    for name, check in checks.items():
        check(url)
        print(name)
    print(f"{len(checks)} checks hold")


main()
