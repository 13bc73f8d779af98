//! Calls that an answer makes, whole and in pieces.

use serde::Serialize;

/// A call that the model makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolCalled {
    /// The call's id, repeated by its result.
    pub id: String,
    /// What is called.
    #[serde(flatten)]
    pub call: Calling,
}

/// What is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Calling {
    /// A function.
    Function {
        /// Its name and arguments.
        function: FunctionCalled,
    },
    /// A tool whose input is plain text.
    Custom {
        /// Its name and input.
        custom: CustomCalled,
    },
}

/// The called function and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunctionCalled {
    /// The function's name.
    pub name: String,
    /// The arguments as JSON text, which the model may have left incomplete.
    pub arguments: String,
}

/// The called tool and its input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CustomCalled {
    /// The tool's name.
    pub name: String,
    /// The text.
    pub input: String,
}

/// The next piece of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ToolCallDelta {
    /// Which call of the answer, counted from 0 without gaps.
    pub index: u32,
    /// The call's id, in its first piece only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// In the call's first piece only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<CallTag>,
    /// Of a function: name or arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<FunctionDelta>,
    /// Of a tool whose input is plain text: name or input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomDelta>,
}

/// What kind of tool is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallTag {
    /// A function.
    Function,
    /// A tool whose input is plain text.
    Custom,
}

/// The next piece of a called function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunctionDelta {
    /// The function's name, in the call's first piece only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The next piece of the arguments' JSON text.
    pub arguments: String,
}

/// The next piece of a called tool whose input is plain text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CustomDelta {
    /// The tool's name, in the call's first piece only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The next piece of the input.
    pub input: String,
}
