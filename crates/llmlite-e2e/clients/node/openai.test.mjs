// The unmodified `openai` package for Node.js, pointed at the gateway.
//
// Run with LLMLITE_BASE_URL and LLMLITE_KEY set; the Rust test `sdk_clients` does so. The model
// behind the gateway is the simulator, which obeys the `[[sim:...]]` marks in the prompts.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

// Packages are found in the folder that is given, so that nothing is installed beside the sources.
const require = createRequire(`${process.env.LLMLITE_NODE_MODULES}/`);
const { default: OpenAI } = await import(require.resolve("openai"));

const model = process.env.LLMLITE_MODEL;
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city.",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
    },
  },
};
const redDot =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

// No retries: a test should see the first answer, not the third.
const client = (apiKey = process.env.LLMLITE_KEY) =>
  new OpenAI({ baseURL: process.env.LLMLITE_BASE_URL, apiKey, maxRetries: 0, timeout: 30_000 });
const user = (content) => ({ role: "user", content });

test("a completion has text, a finish reason and usage", async () => {
  const answer = await client().chat.completions.create({
    model,
    messages: [{ role: "system", content: "Be brief." }, user("[[sim:say the tide is out]]")],
    temperature: 0.2,
    max_completion_tokens: 64,
  });
  assert.equal(answer.object, "chat.completion");
  assert.equal(answer.choices[0].message.role, "assistant");
  assert.equal(answer.choices[0].message.content, "the tide is out");
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.ok(answer.usage.completion_tokens > 0);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test("a stream carries the role, the text, the finish reason, and usage when asked", async () => {
  const chunks = [];
  const stream = await client().chat.completions.create({
    model,
    messages: [user("[[sim:long 40]]")],
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const chunk of stream) chunks.push(chunk);
  assert.equal(chunks[0].choices[0].delta.role, "assistant");
  const pieces = chunks.flatMap((c) => c.choices.map((choice) => choice.delta.content ?? ""));
  assert.ok(pieces.filter(Boolean).length > 3, "a long answer comes in pieces");
  const last = chunks.at(-1);
  assert.deepEqual(last.choices, []);
  assert.ok(last.usage.completion_tokens > 0);
  assert.equal(chunks.at(-2).choices[0].finish_reason, "stop");
});

test("the stream helper puts the answer together", async () => {
  const stream = client().chat.completions.stream({ model, messages: [user("[[sim:say in one piece]]")] });
  assert.equal(await stream.finalContent(), "in one piece");
});

test("the stream helper puts a tool call together", async () => {
  const stream = client().chat.completions.stream({
    model,
    messages: [user('[[sim:call get_weather {"city":"Oslo"}]]')],
    tools: [weather],
  });
  const [choice] = (await stream.finalChatCompletion()).choices;
  assert.equal(choice.finish_reason, "tool_calls");
  assert.equal(choice.message.tool_calls[0].function.name, "get_weather");
  assert.deepEqual(JSON.parse(choice.message.tool_calls[0].function.arguments), { city: "Oslo" });
});

test("a tool is called and its result answered", async () => {
  const messages = [user('[[sim:call get_weather {"city":"Leeds"}]]')];
  const first = await client().chat.completions.create({ model, messages, tools: [weather] });
  assert.equal(first.choices[0].finish_reason, "tool_calls");
  const [call] = first.choices[0].message.tool_calls;
  assert.equal(call.function.name, "get_weather");
  assert.deepEqual(JSON.parse(call.function.arguments), { city: "Leeds" });

  messages.push(first.choices[0].message);
  messages.push({ role: "tool", tool_call_id: call.id, content: "rain, 9 degrees" });
  const second = await client().chat.completions.create({ model, messages, tools: [weather] });
  assert.equal(second.choices[0].finish_reason, "stop");
  assert.ok(second.choices[0].message.content);
});

test("the tool runner goes round until there is an answer", async () => {
  const asked = [];
  const runner = client().chat.completions.runTools({
    model,
    messages: [user('[[sim:call get_weather {"city":"Turin"}]]')],
    tools: [
      {
        ...weather,
        function: {
          ...weather.function,
          parse: JSON.parse,
          function: ({ city }) => (asked.push(city), "sun"),
        },
      },
    ],
  });
  assert.ok(await runner.finalContent());
  assert.deepEqual(asked, ["Turin"]);
});

test("a picture in a data URL is accepted", async () => {
  const answer = await client().chat.completions.create({
    model,
    messages: [
      user([
        { type: "text", text: "What colour is this?" },
        { type: "image_url", image_url: { url: redDot } },
      ]),
    ],
  });
  assert.ok(answer.choices[0].message.content);
});

const party = {
  type: "json_schema",
  json_schema: {
    name: "party",
    strict: true,
    schema: {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "object",
      properties: { name: { type: "string", minLength: 1 }, guests: { type: "array", items: { type: "string" } } },
      required: ["name", "guests"],
      additionalProperties: false,
    },
  },
};

test("the parse helper gives an object with every kind of model", async () => {
  for (const able of ["claude-sonnet-4-5", "claude-sonnet-4", "claude-sonnet-5-5"]) {
    const answer = await client().chat.completions.parse({
      model: able,
      messages: [user('[[sim:json {"name":"Tea","guests":["Ada"]}]]')],
      response_format: party,
    });
    assert.deepEqual(JSON.parse(answer.choices[0].message.content), { name: "Tea", guests: ["Ada"] }, able);
    assert.equal(answer.choices[0].finish_reason, "stop", able);
  }
});

test("parallel calls are told apart in a stream", async () => {
  const stream = client().chat.completions.stream({
    model,
    messages: [
      user('[[sim:parallel]] [[sim:call get_weather {"city":"Rome"}]] [[sim:call get_weather {"city":"Bonn"}]]'),
    ],
    tools: [weather],
  });
  const [choice] = (await stream.finalChatCompletion()).choices;
  const cities = choice.message.tool_calls.map((call) => JSON.parse(call.function.arguments).city);
  assert.deepEqual(cities, ["Rome", "Bonn"]);
});

test("thoughts are shown and go back with their signatures", async () => {
  const options = {
    model: "claude-sonnet-4-5",
    tools: [weather],
    reasoning_effort: "low",
    max_completion_tokens: 8000,
  };
  const messages = [user('[[sim:think]] [[sim:call get_weather {"city":"Leeds"}]]')];
  const first = (await client().chat.completions.create({ ...options, messages })).choices[0].message;
  assert.ok(first.reasoning_content);
  assert.ok(first.reasoning_details[0].signature);
  messages.push(first, { role: "tool", tool_call_id: first.tool_calls[0].id, content: "rain" });
  const { data, response } = await client()
    .chat.completions.create({ ...options, messages })
    .withResponse();
  assert.equal(response.headers.get("x-llmlite-adjusted"), null);
  assert.ok(data.choices[0].message.content);
});

test("a PDF is read, and the second identical call meets the cache", async () => {
  const pdf = Buffer.from("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n%%EOF").toString("base64");
  const options = {
    model: "claude-sonnet-4-5",
    messages: [
      { role: "system", content: "Rule of the house: read every page. ".repeat(300) },
      user([
        { type: "file", file: { filename: "a.pdf", file_data: `data:application/pdf;base64,${pdf}` } },
        { type: "text", text: "[[sim:say read]]" },
      ]),
    ],
  };
  const first = await client().chat.completions.create(options);
  assert.equal(first.choices[0].message.content, "read");
  assert.equal(first.usage.prompt_tokens_details.cached_tokens, 0);
  const second = await client().chat.completions.create(options);
  assert.ok(second.usage.prompt_tokens_details.cached_tokens > 1024);
});

test("the models are listed, and one can be asked for", async () => {
  const names = [];
  for await (const entry of client().models.list()) names.push(entry.id);
  assert.ok(names.includes(model), names.join());
  assert.equal((await client().models.retrieve(model)).id, model);
});

test("a wrong key is an AuthenticationError", async () => {
  await assert.rejects(
    client("sk-wrong").chat.completions.create({ model, messages: [user("Hello")] }),
    (error) => {
      assert.ok(error instanceof OpenAI.AuthenticationError);
      assert.equal(error.status, 401);
      assert.equal(error.code, "invalid_api_key");
      assert.ok(error.requestID);
      return true;
    },
  );
});

test("an unknown model is a NotFoundError", async () => {
  await assert.rejects(
    client().chat.completions.create({ model: "claude-9-imaginary", messages: [user("Hello")] }),
    (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, "model_not_found");
      assert.match(error.message, /claude-9-imaginary/);
      return true;
    },
  );
});

test("a bad value is a BadRequestError that names the parameter", async () => {
  await assert.rejects(
    client().chat.completions.create({ model, messages: [user("Hello")], temperature: "warm" }),
    (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, "temperature");
      return true;
    },
  );
});

test("an error in mid-stream is thrown, not swallowed", async () => {
  const stream = await client().chat.completions.create({
    model,
    messages: [user("[[sim:long 80]] [[sim:fault cut]]")],
    stream: true,
  });
  await assert.rejects(async () => {
    for await (const chunk of stream) assert.ok(chunk);
  }, OpenAI.APIError);
});
