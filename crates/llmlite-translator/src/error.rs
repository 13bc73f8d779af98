//! Why something could not be translated.

use llmlite_openai::error::excerpt;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::usage::Usage;

/// The most characters that a message repeats of a field's name.
const LONGEST_FIELD: usize = 64;

/// Why a request could not be translated; always the client's to change.
///
/// The text says what is wrong and what to do; [`EncodeError::param`] says where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// There is nothing from the user to answer.
    NoUserMessage,
    /// The last message is the user's and has nothing in it.
    BlankLastMessage {
        /// Path of its content.
        param: String,
    },
    /// A part of a message is of a type that has no place there.
    UnsupportedPart {
        /// Path of the part.
        param: String,
        /// The part's type.
        kind: String,
    },
    /// A picture is given by a remote URL.
    RemoteImage {
        /// Path of the URL.
        param: String,
    },
    /// A picture or file is not readable base64.
    UnreadableData {
        /// Path of the data.
        param: String,
    },
    /// A picture is none of the types that Claude reads.
    UnknownImageType {
        /// Path of the URL.
        param: String,
    },
    /// A picture for a model that reads only text.
    VisionUnsupported {
        /// Path of the part.
        param: String,
    },
    /// A PDF file for a model that reads none.
    PdfUnsupported {
        /// Path of the part.
        param: String,
    },
    /// A file is given by reference.
    FileReference {
        /// Path of the reference.
        param: String,
    },
    /// A file is neither PDF nor text.
    UnknownFileType {
        /// Path of the data.
        param: String,
    },
    /// A file is of a type that Claude does not read.
    ForeignFile {
        /// Path of the data.
        param: String,
        /// The type, such as `Word`.
        kind: &'static str,
    },
    /// A file is given by a remote URL.
    RemoteFile {
        /// Path of the URL.
        param: String,
    },
    /// A picture is larger than Claude takes.
    ImageTooLarge {
        /// Path of the data.
        param: String,
        /// Its size, in bytes of base64.
        bytes: usize,
        /// The most bytes of base64 that Claude takes.
        most: usize,
    },
    /// A tool is not a function.
    UnsupportedTool {
        /// Path of the tool.
        param: String,
        /// The tool's type.
        kind: String,
    },
    /// A tool has no name.
    UnnamedTool {
        /// Path of the name.
        param: String,
    },
    /// Two tools have one name.
    DuplicateTool {
        /// Path of the second.
        param: String,
        /// The name.
        name: String,
    },
    /// The schema of a tool does not describe an object.
    InvalidSchema {
        /// Path of the schema.
        param: String,
    },
    /// The schema of a tool has alternatives at its root, which Claude refuses there.
    RootCombiner {
        /// Path of the schema.
        param: String,
        /// The word at the root, such as `anyOf`.
        word: &'static str,
    },
    /// A schema is nested too deeply.
    TooDeep {
        /// Path of the schema.
        param: String,
        /// The most levels that are taken.
        most: usize,
    },
    /// A number is larger than any that JSON readers take.
    HugeNumber {
        /// Path of the value that holds it.
        param: String,
    },
    /// A schema has an escape that stands for half a character.
    BrokenEscape {
        /// Path of the schema.
        param: String,
    },
    /// The tool choice names a tool that is not in the list.
    UnknownToolChoice {
        /// The field: `tool_choice` or `function_call`.
        param: &'static str,
        /// The name.
        name: String,
    },
    /// A call is demanded, but there are no tools.
    ToolChoiceWithoutTools {
        /// The field: `tool_choice` or `function_call`.
        param: &'static str,
    },
    /// A list is longer than any real one.
    TooMany {
        /// The list.
        param: &'static str,
        /// The most entries that are taken.
        most: usize,
    },
    /// The whole body is larger than Bedrock takes.
    TooLarge {
        /// Its size, in bytes.
        bytes: usize,
        /// The most bytes that Bedrock takes.
        most: usize,
    },
    /// A number is below the least that makes sense.
    TooSmall {
        /// The field.
        param: &'static str,
        /// The least value.
        least: u32,
    },
    /// A field would change the answer in a way that cannot be had here.
    Unsupported {
        /// The field.
        param: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// A field has a value that nobody knows.
    UnknownValue {
        /// The field.
        param: &'static str,
        /// The value.
        value: String,
        /// The values that it can have.
        known: &'static str,
    },
    /// In strict mode: fields that would have been ignored or adjusted, which changes the answer.
    Strict {
        /// The fields, in the order in which they were met; at least one.
        fields: Vec<Cow<'static, str>>,
    },
}

impl EncodeError {
    /// The field that is wrong, such as `messages[2].content`; `None` when it is the whole.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::TooLarge { .. } => None,
            Self::NoUserMessage => Some("messages"),
            Self::UnknownToolChoice { param, .. }
            | Self::ToolChoiceWithoutTools { param }
            | Self::TooMany { param, .. }
            | Self::TooSmall { param, .. }
            | Self::UnknownValue { param, .. }
            | Self::Unsupported { param, .. } => Some(param),
            Self::Strict { fields } => fields.first().map(AsRef::as_ref),
            Self::BlankLastMessage { param }
            | Self::UnsupportedPart { param, .. }
            | Self::RemoteImage { param }
            | Self::UnreadableData { param }
            | Self::UnknownImageType { param }
            | Self::VisionUnsupported { param }
            | Self::PdfUnsupported { param }
            | Self::FileReference { param }
            | Self::UnknownFileType { param }
            | Self::ForeignFile { param, .. }
            | Self::RemoteFile { param }
            | Self::ImageTooLarge { param, .. }
            | Self::UnsupportedTool { param, .. }
            | Self::UnnamedTool { param }
            | Self::DuplicateTool { param, .. }
            | Self::InvalidSchema { param }
            | Self::RootCombiner { param, .. }
            | Self::TooDeep { param, .. }
            | Self::HugeNumber { param }
            | Self::BrokenEscape { param } => Some(param),
        }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUserMessage => f.write_str("messages: at least one user message is needed"),
            Self::BlankLastMessage { param } => {
                write!(
                    f,
                    "{param}: the last user message is empty, write something for the model to answer"
                )
            }
            Self::UnsupportedPart { param, kind } => {
                write!(
                    f,
                    "{param}: content of type {} is not supported here, send text, a picture or a file",
                    excerpt(kind)
                )
            }
            Self::RemoteImage { param } => write!(
                f,
                "{param}: remote images are not fetched, because that would let a request reach other hosts; \
                 send the picture as a data URL (data:image/png;base64,..)"
            ),
            Self::UnreadableData { param } => {
                write!(
                    f,
                    "{param}: expected a data URL with base64 content (data:image/png;base64,..)"
                )
            }
            Self::UnknownImageType { param } => {
                write!(
                    f,
                    "{param}: the picture is not PNG, JPEG, GIF or WebP, convert it first"
                )
            }
            Self::VisionUnsupported { param } => {
                write!(
                    f,
                    "{param}: this model reads only text, choose a model that reads pictures"
                )
            }
            Self::PdfUnsupported { param } => {
                write!(
                    f,
                    "{param}: this model does not read PDF files, send their text or choose a model that reads them"
                )
            }
            Self::FileReference { param } => {
                write!(
                    f,
                    "{param}: stored files are not supported, send the content in file_data"
                )
            }
            Self::UnknownFileType { param } => {
                write!(
                    f,
                    "{param}: the file is neither PDF nor text, convert it first"
                )
            }
            Self::ForeignFile { param, kind } => write!(
                f,
                "{param}: {kind} files are not read, convert the file to PDF or text first"
            ),
            Self::RemoteFile { param } => write!(
                f,
                "{param}: remote files are not fetched, because that would let a request reach other hosts; \
                 send the content as a data URL (data:application/pdf;base64,..)"
            ),
            Self::ImageTooLarge { param, bytes, most } => write!(
                f,
                "{param}: the picture is {bytes} bytes of base64, at most {most} are taken, make it smaller"
            ),
            Self::UnsupportedTool { param, kind } => {
                write!(
                    f,
                    "{param}: tools of type {} are not run here and none can be demanded, \
                     offer one of type \"function\"",
                    excerpt(kind)
                )
            }
            Self::UnnamedTool { param } => write!(f, "{param}: a tool needs a name"),
            Self::DuplicateTool { param, name } => {
                write!(
                    f,
                    "{param}: the tool name {} is given twice, names must be unique",
                    excerpt(name)
                )
            }
            Self::InvalidSchema { param } => {
                write!(f, "{param}: expected a JSON Schema of type \"object\"")
            }
            Self::RootCombiner { param, word } => write!(
                f,
                "{param}: {word} is not supported at the root of a schema, put it below a property"
            ),
            Self::TooDeep { param, most } => {
                write!(
                    f,
                    "{param}: nested deeper than {most} levels, make it flatter"
                )
            }
            Self::HugeNumber { param } => write!(
                f,
                "{param}: a number is larger than JSON readers take, write a smaller one"
            ),
            Self::BrokenEscape { param } => write!(
                f,
                "{param}: a \\u escape stands for half a character, send both halves or the character itself"
            ),
            Self::UnknownToolChoice { param, name } => {
                write!(
                    f,
                    "{param}: no tool is named {}, add it to tools",
                    excerpt(name)
                )
            }
            Self::ToolChoiceWithoutTools { param } => {
                write!(
                    f,
                    "{param}: a call is demanded but there is nothing to call, add tools"
                )
            }
            Self::TooMany { param, most } => write!(f, "{param}: at most {most} are taken"),
            Self::TooLarge { bytes, most } => write!(
                f,
                "the request is {bytes} bytes for the model, which takes at most {most}: \
                 send fewer or smaller messages, pictures and files"
            ),
            Self::TooSmall { param, least } => write!(f, "{param}: must be at least {least}"),
            Self::Unsupported { param, advice } => write!(f, "{param}: not supported, {advice}"),
            Self::UnknownValue {
                param,
                value,
                known,
            } => write!(
                f,
                "{param}: unknown value {}, expected {known}",
                excerpt(value)
            ),
            Self::Strict { fields } => strict(f, fields),
        }
    }
}

impl Error for EncodeError {}

/// Names the fields, though not more of them than anybody reads.
fn strict(f: &mut fmt::Formatter<'_>, fields: &[Cow<'static, str>]) -> fmt::Result {
    const MOST: usize = 20;
    let first = fields.first().map_or("", AsRef::as_ref);
    write!(
        f,
        "{}: strict mode is on, and the model cannot honour this as it stands; leave out ",
        Name(first)
    )?;
    for (index, field) in fields.iter().take(MOST).enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{}", Name(field))?;
    }
    if fields.len() > MOST {
        write!(f, " and {} more", fields.len() - MOST)?;
    }
    f.write_str(", or send the request without strict mode")
}

/// The name of a field, which may be the client's own invention.
struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: String = self.0.chars().take(LONGEST_FIELD).collect();
        write!(f, "{}", name.escape_debug())
    }
}

/// Why a whole answer could not be translated; never the client's fault.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// The answer is not JSON, or not a message with content and usage.
    NotAMessage(serde_json::Error),
    /// The answer does not say what it used, and cannot be billed by it.
    NoUsage,
    /// A tool call lacks its id or name.
    NamelessCall,
    /// The model made something that is no answer, and says so; trying again may help.
    ModelFault {
        /// The model's reason: `malformed_tool_use` or `malformed_model_output`.
        reason: &'static str,
        /// What it used, which is billed all the same.
        usage: Usage,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAMessage(_) => f.write_str("the model's answer is not a message"),
            Self::NoUsage => f.write_str("the model's answer does not say what it used"),
            Self::NamelessCall => {
                f.write_str("the model's answer has a tool call without id or name")
            }
            Self::ModelFault { reason, .. } => write!(f, "the model stopped with {reason}"),
        }
    }
}

impl Error for DecodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotAMessage(error) => Some(error),
            Self::NoUsage | Self::NamelessCall | Self::ModelFault { .. } => None,
        }
    }
}

/// Why a streamed answer could not be translated to its end; never the client's fault.
#[derive(Debug)]
#[non_exhaustive]
pub enum StreamError {
    /// The events ended before the one that ends an answer.
    Truncated,
    /// An event of a known type cannot be read, or has no place in the answer.
    Malformed(serde_json::Error),
    /// A tool call lacks its id or name.
    NamelessCall,
    /// The model made something that is no answer, and says so; trying again may help.
    ///
    /// Comes with the event that ends an answer, when everything is counted.
    ModelFault {
        /// The model's reason: `malformed_tool_use` or `malformed_model_output`.
        reason: &'static str,
    },
    /// The model reported an error in the middle of the answer.
    Upstream {
        /// The family, such as `overloaded_error`.
        kind: String,
        /// For operators; may hold details of the account.
        message: String,
    },
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the model's answer ended before it was complete"),
            Self::Malformed(_) => f.write_str("an event of the model's answer cannot be read"),
            Self::NamelessCall => {
                f.write_str("the model's answer has a tool call without id or name")
            }
            Self::ModelFault { reason } => write!(f, "the model stopped with {reason}"),
            Self::Upstream { kind, .. } => write!(f, "the model stopped with {kind}"),
        }
    }
}

impl Error for StreamError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Malformed(error) => Some(error),
            Self::Truncated
            | Self::NamelessCall
            | Self::ModelFault { .. }
            | Self::Upstream { .. } => None,
        }
    }
}
