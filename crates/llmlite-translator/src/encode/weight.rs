//! What a body holds that costs other than its length says.

use crate::claude::request::{Block, BlockKind, Source, Turn};

/// The pictures and files of a conversation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) images: u32,
    pub(super) image_bytes: usize,
    pub(super) pdfs: u32,
}

/// What all turns hold, results of tools included.
pub(super) fn of(turns: &[Turn<'_>]) -> Weight {
    let mut weight = Weight::default();
    for turn in turns {
        weight.add(&turn.content);
    }
    weight
}

impl Weight {
    fn add(&mut self, blocks: &[Block<'_>]) {
        for block in blocks {
            match &block.kind {
                BlockKind::Image { source } => {
                    self.images = self.images.saturating_add(1);
                    let (Source::Base64 { data, .. } | Source::Text { data, .. }) = source;
                    self.image_bytes += data.len();
                }
                BlockKind::Document {
                    source: Source::Base64 { .. },
                    ..
                } => self.pdfs = self.pdfs.saturating_add(1),
                // The text of a file costs what any text costs.
                BlockKind::Document {
                    source: Source::Text { .. },
                    ..
                }
                | BlockKind::Text { .. }
                | BlockKind::Thinking { .. }
                | BlockKind::RedactedThinking { .. }
                | BlockKind::ToolUse { .. } => {}
                BlockKind::ToolResult { content, .. } => self.add(content),
            }
        }
    }
}
