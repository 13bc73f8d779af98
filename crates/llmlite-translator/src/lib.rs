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
//! What Claude or Bedrock is known to refuse (an id used twice, a schema with alternatives at its
//! root, a body over 25,000,000 bytes) is mended or refused here, before it costs a call; the time
//! that takes grows with the length of the request and with nothing else.
//!
//! Start reading at [`encode()`]; the shapes of Claude's JSON are in [`claude`].
//!
//! # A whole answer
//!
//! ```
//! use llmlite_openai::ChatRequest;
//! use llmlite_translator::{Model, Sampling, Stamp, decode, encode};
//!
//! let model = Model {
//!     max_output_tokens: 8192,
//!     default_max_tokens: 4096,
//!     sampling: Sampling::Both,
//!     prefill: true,
//!     vision: true,
//!     pdf: true,
//!     forced_tool: true,
//! };
//! let request = ChatRequest::parse(
//!     br#"{"model":"claude","messages":[{"role":"user","content":"Say hi"}]}"#,
//! )?;
//! let encoded = encode(&request, &model)?;
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
pub use encode::{Encoded, Facts, encode};
pub use error::{DecodeError, EncodeError, StreamError};
pub use model::{Model, Sampling};
pub use reply::{Reply, Stamp};
pub use stream::StreamDecoder;
pub use usage::Usage;
