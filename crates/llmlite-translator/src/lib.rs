//! Turns OpenAI chat requests into Claude requests for Bedrock, and the answers back.
//!
//! No sockets, no clock, no AWS SDK: bytes in, bytes out.
//!
//! * [`encode()`] makes the Anthropic Messages body that goes through `InvokeModel` as it is.
//!   The same request always gives the same bytes, because the prompt cache matches on them.
//! * [`decode()`] turns a whole answer back, [`StreamDecoder`] the events of a streamed one.
//! * [`Usage`] is what Claude counted, in the form in which it is billed.
//!
//! The crate holds no list of models: what a model can do comes in as a [`Model`].
//! Where Claude and OpenAI differ, the rule is one of three: translate, accept and say so
//! ([`Encoded::ignored`], [`Encoded::adjusted`]), or refuse with the field's name
//! ([`EncodeError::param`]).
//! Much of what Claude or Bedrock refuses (an id used twice, a schema with alternatives at its root,
//! a body over 25,000,000 bytes) is mended or refused here, before it costs a call; the time that
//! takes grows with the length of the request and with nothing else.
//!
//! Start reading at [`encode()`]; the shapes of Claude's JSON are in [`claude`].
//!
//! # A whole answer
//!
//! ```
//! use llmlite_openai::ChatRequest;
//! use llmlite_translator::{Model, Options, Sampling, Stamp, Thinking, decode, encode};
//!
//! let model = Model {
//!     max_output_tokens: 8192,
//!     default_max_tokens: 4096,
//!     sampling: Sampling::Both,
//!     prefill: true,
//!     vision: true,
//!     pdf: true,
//!     forced_tool: true,
//!     thinking: Thinking::None,
//!     json_schema: false,
//!     strict_tools: false,
//!     cache: None,
//!     system_turns: false,
//! };
//! let request = ChatRequest::parse(
//!     br#"{"model":"claude","messages":[{"role":"user","content":"Say hi"}]}"#,
//! )?;
//! let encoded = encode(&request, &model, Options::default())?;
//! assert_eq!(
//!     String::from_utf8(encoded.body)?,
//!     concat!(
//!         r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":4096,"#,
//!         r#""messages":[{"role":"user","content":[{"type":"text","text":"Say hi"}]}]}"#,
//!     ),
//! );
//!
//! let answer = br#"{"type":"message","role":"assistant","stop_reason":"end_turn",
//!     "content":[{"type":"text","text":"hi"}],"usage":{"input_tokens":9,"output_tokens":4}}"#;
//! let stamp = Stamp { id: "chatcmpl-1".into(), created: 1_763_900_000, model: "claude".into() };
//! let (completion, usage) = decode(answer, &encoded.reply, stamp)?;
//! assert_eq!(completion.choices[0].message.content.as_deref(), Some("hi"));
//! assert_eq!(usage.output_tokens, 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A streamed answer
//!
//! ```
//! use llmlite_openai::sse;
//! use llmlite_translator::{Reply, Stamp, StreamDecoder};
//!
//! let stamp = Stamp { id: "chatcmpl-1".into(), created: 1_763_900_000, model: "claude".into() };
//! let mut decoder = StreamDecoder::new(Reply::default(), stamp);
//! let (mut chunks, mut text) = (Vec::new(), Vec::new());
//! for event in [
//!     r#"{"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}}"#,
//!     r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
//!     r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}"#,
//!     r#"{"type":"message_stop"}"#,
//! ] {
//!     decoder.push(event.as_bytes(), &mut chunks)?;
//!     for chunk in chunks.drain(..) {
//!         sse::data(&mut text, &chunk)?;
//!     }
//! }
//! decoder.finish(&mut chunks)?;
//! assert!(decoder.is_complete());
//! assert_eq!(decoder.final_usage().map(|usage| usage.output_tokens), Some(4));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What the client is told
//!
//! Every field of a request has one of four fates: it is translated, honoured by whoever calls this
//! crate (`model`, `stream`), ignored or adjusted, or refused.
//! What was ignored is in [`Encoded::ignored`], what was brought into the model's limits in
//! [`Encoded::adjusted`]; unknown fields are ignored under their own names.
//! With [`Options::strict`] all of that which changes the answer is refused instead
//! ([`EncodeError::Strict`]), so that a client either gets what it asked for or learns why not;
//! what changes nothing (`user`, `store`, hints) passes there too.
//!
//! ```
//! # use llmlite_translator::{Model, Sampling, Thinking};
//! # let model = Model {
//! #     max_output_tokens: 8192, default_max_tokens: 4096, sampling: Sampling::Both, prefill: true,
//! #     vision: true, pdf: true, forced_tool: true, thinking: Thinking::None, json_schema: false,
//! #     strict_tools: false, cache: None, system_turns: false,
//! # };
//! use llmlite_openai::ChatRequest;
//! use llmlite_translator::{Options, encode};
//!
//! let request = ChatRequest::parse(
//!     br#"{"model":"claude","messages":[{"role":"user","content":"Say hi"}],
//!         "temperature":1.3,"seed":7,"user":"ada"}"#,
//! )?;
//! let encoded = encode(&request, &model, Options::default())?;
//! assert_eq!(encoded.ignored, ["seed", "user"]);
//! assert_eq!(encoded.adjusted, ["temperature"]);
//!
//! let strict = Options { strict: true, ..Options::default() };
//! let refused = encode(&request, &model, strict).unwrap_err();
//! assert_eq!(refused.param(), Some("seed"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Thinking
//!
//! The client asks by `reasoning_effort` or, more exactly, by `thinking`, which wins.
//!
//! | the model's [`Thinking`] | an effort becomes | a number of tokens becomes | `none` becomes |
//! | --- | --- | --- | --- |
//! | `None` | nothing, and is told | nothing, and is told | nothing |
//! | `Budget` | 1,024 to 32,768 tokens | itself | nothing |
//! | `Adaptive` | an effort, the nearest that the model knows | itself where the model takes it, else the nearest effort | what [`ThinkingOff`] says |
//!
//! A budget fits into the length that the client named: it is lowered to leave room for the answer,
//! and left out where the length is 1,024 or less.
//! A client that named no length gets its usual one with the thoughts on top.
//! A model that thinks takes little sampling: `temperature` below 1, `top_p` below 0.95 and `top_k`
//! are dropped.
//! A demanded tool call wins over a budget, and so does a history whose last calls came back without
//! their signed thoughts, because Claude refuses both beside one.
//!
//! Thoughts come back as `reasoning_content` for people and `reasoning_details` with their
//! signatures; clients that send the latter back let the model go on from them.
//!
//! # The form of the answer
//!
//! `response_format` with a schema takes the best of three ways:
//!
//! 1. Claude's own setting, where the model has it and the schema can be brought within Claude's
//!    rules for it: objects are closed, limits of numbers and lengths become words.
//! 2. A tool that the model is made to call, whose arguments are the answer; beside tools of the
//!    client's the model may call one of those instead.
//! 3. An instruction, where the model cannot be made to call a tool, thinks within a budget, must call
//!    a tool of the client's, or goes on with an answer that the client began.
//!
//! `json_object` is an instruction; where there is one, a code fence around the answer is taken off.
//! A wish that the answer fits without exception (`strict`) is honoured the first way only, and told
//! to be ignored otherwise.
//!
//! # The prompt cache
//!
//! Claude keeps prefixes of bodies up to the points that a body sets, and reads them back cheaply.
//! Clients set points with `cache_control` or `prompt_cache_breakpoint`; for others some are placed
//! where they pay, unless [`CachePoints::Asked`] says otherwise.
//! [`Facts::cache`] tells the longest life that was asked for, because writing it costs more.
//! A body depends on nothing but the request, the [`Model`] and the [`Options`], and what was said
//! before reads the same when more is said, so that a conversation that grows keeps its prefix.
//!
//! # Versions
//!
//! [`Model`] is plain and gets fields when models get abilities, which breaks whoever fills it;
//! errors are `non_exhaustive` and do not.
//! What else counts as a break is in `docs/embedding.md`, how to call Bedrock with all this too, and
//! the fate of each single field in `docs/conformance.md`.
#![deny(missing_docs)]

pub mod claude;
pub mod decode;
pub mod encode;
pub mod error;
pub mod model;
pub mod reply;
pub mod stream;
pub mod usage;

pub use decode::decode;
pub use encode::{CacheLife, CachePoints, Encoded, Facts, Options, encode};
pub use error::{DecodeError, EncodeError, StreamError};
pub use model::{Adaptive, Model, PromptCache, Sampling, Thinking, ThinkingOff};
pub use reply::{Reply, Stamp};
pub use stream::StreamDecoder;
pub use usage::Usage;
