//! What a request says, whichever of Bedrock's two bodies carried it.

use serde_json::Value;

use crate::model::reasoning::Binding;

/// A request as the model sees it.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) system: String,
    /// Consecutive messages of one side are one turn.
    pub(crate) turns: Vec<Turn>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: Choice,
    /// No more than one call per turn.
    pub(crate) one_call: bool,
    /// Schema that the answer has to follow.
    pub(crate) schema: Option<Value>,
    pub(crate) max_tokens: u64,
    /// Output tokens that the model's window has room for.
    pub(crate) room: u64,
    pub(crate) stops: Vec<String>,
    pub(crate) thinking: Thinking,
    /// What new thoughts are bound to, where the model binds them.
    pub(crate) binding: Option<Binding>,
    /// How ids of tool calls begin in this dialect.
    pub(crate) call_prefix: &'static str,
}

#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) by: Role,
    /// Index of the turn's first message in the body.
    pub(crate) at: usize,
    pub(crate) blocks: Vec<Block>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    User,
    Assistant,
    /// A system prompt in mid-conversation, which the newest families take.
    System,
}

#[derive(Debug)]
pub(crate) enum Block {
    Text(String),
    Media(Media),
    ToolUse {
        id: String,
    },
    ToolResult {
        id: String,
        text: String,
        media: Vec<Media>,
    },
    /// Thoughts, or redacted ones.
    Thinking,
    /// A block that counts as input and means nothing here: a search result, a citation.
    Other,
}

/// A picture or a document.
#[derive(Debug, Clone)]
pub(crate) struct Media {
    /// `image/png`, `application/pdf`, ...
    pub(crate) kind: String,
    pub(crate) title: Option<String>,
    /// Length of its base64 in the body.
    pub(crate) coded_bytes: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) schema: Value,
    /// Arguments follow the schema to the letter.
    pub(crate) strict: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    Auto,
    Any,
    Tool(String),
    None,
}

/// Whether the model thinks before it answers; `shown` tells thoughts from bare signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thinking {
    Off,
    /// Always thinks.
    Enabled {
        shown: bool,
    },
    /// Thinks when the prompt asks for it.
    Adaptive {
        shown: bool,
    },
    /// As `Adaptive`, but over the results of tools only.
    BetweenTools {
        shown: bool,
    },
}

impl Thinking {
    pub(crate) fn is_off(self) -> bool {
        matches!(self, Self::Off | Self::BetweenTools { .. })
    }

    pub(crate) fn shown(self) -> bool {
        match self {
            Self::Off => false,
            Self::Enabled { shown } | Self::Adaptive { shown } | Self::BetweenTools { shown } => {
                shown
            }
        }
    }
}

impl Turn {
    /// The turn's text blocks, one per line.
    pub(crate) fn text(&self) -> String {
        let texts: Vec<&str> = self.blocks.iter().filter_map(Block::text).collect();
        texts.join("\n")
    }

    pub(crate) fn results(&self) -> usize {
        let results = self.blocks.iter().filter(|block| block.is_result());
        results.count()
    }
}

impl Block {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its name in Claude's body.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Media(media) if media.kind.starts_with("image/") => "image",
            Self::Media(_) => "document",
            Self::ToolUse { .. } => "tool_use",
            Self::ToolResult { .. } => "tool_result",
            Self::Thinking => "thinking",
            Self::Other => "search_result",
        }
    }

    pub(crate) fn is_thinking(&self) -> bool {
        matches!(self, Self::Thinking)
    }

    pub(crate) fn is_result(&self) -> bool {
        matches!(self, Self::ToolResult { .. })
    }
}

impl Conversation {
    /// The turns of the user from the newest back, with their place among all turns.
    pub(crate) fn user_turns(&self) -> impl Iterator<Item = (usize, &Turn)> {
        let turns = self.turns.iter().enumerate().rev();
        turns.filter(|(_, turn)| turn.by == Role::User)
    }

    /// The newest user turn that says something in words, with its place; before any tool result.
    pub(crate) fn question(&self) -> Option<(usize, &Turn)> {
        self.user_turns()
            .find(|(_, turn)| turn.blocks.iter().any(|block| block.text().is_some()))
    }

    /// Results in the newest turn of the user.
    pub(crate) fn fresh_results(&self) -> usize {
        let newest = self.user_turns().next();
        newest.map_or(0, |(_, turn)| turn.results())
    }

    /// Results of tools in the turns after `turn`.
    pub(crate) fn results_after(&self, turn: usize) -> usize {
        self.turns.iter().skip(turn + 1).map(Turn::results).sum()
    }

    pub(crate) fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    pub(crate) fn media(&self) -> impl Iterator<Item = &Media> {
        let blocks = self.turns.iter().flat_map(|turn| &turn.blocks);
        blocks.flat_map(|block| match block {
            Block::Media(media) => std::slice::from_ref(media),
            Block::ToolResult { media, .. } => media,
            _ => &[],
        })
    }
}
