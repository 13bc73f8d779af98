//! One wish in the forms of several dialects: which counts, and the names of the others.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chat::message::{Content, Message, PartKind};
use crate::read;

/// Chooses among the forms, and collects the names of what is not read.
pub(super) struct Forms {
    /// Names of the fields without effect.
    pub(super) unread: Vec<String>,
    /// Whether the conversation came as a chat has it.
    pub(super) is_chat: bool,
}

impl Forms {
    /// Reads `field` of another dialect.
    ///
    /// Beside a chat it is an extension, which may mean something else to the client: one of a
    /// strange shape has no effect there.
    ///
    /// # Errors
    ///
    /// When it has a strange shape in a request of its own dialect.
    pub(super) fn read<'a, T: Deserialize<'a> + Default>(
        &mut self,
        raw: Option<&'a RawValue>,
        field: &str,
    ) -> Result<T, String> {
        match read::typed(raw, field) {
            Ok(value) => Ok(value.unwrap_or_default()),
            Err(_) if self.is_chat => {
                self.note(field);
                Ok(T::default())
            }
            Err(error) => Err(error),
        }
    }

    /// The first form that is given; the others have no effect.
    pub(super) fn first<T, const N: usize>(&mut self, forms: [(&str, Option<T>); N]) -> Option<T> {
        let forms = forms.into_iter();
        let mut given = forms.filter_map(|(field, value)| Some((field, value?)));
        let (_, first) = given.next()?;
        given.for_each(|(field, _)| self.note(field));
        Some(first)
    }

    /// Notes the lengths that differ from the first that is given, which wins.
    pub(super) fn note_lengths(&mut self, lengths: &[(&str, Option<u64>)]) {
        let wins = lengths.iter().find_map(|(_, length)| *length);
        let given = lengths.iter().filter(|(_, length)| length.is_some());
        for (field, _) in given.filter(|(_, length)| *length != wins) {
            self.note(field);
        }
    }

    /// Notes what of a message in `list` is not read.
    pub(super) fn note_message(&mut self, list: &str, message: &Message<'_>) {
        for field in &message.unread {
            self.note(&format!("{list}[].{field}"));
        }
        let place = || format!("{list}[].content");
        self.note_parts(&place, message.content.as_ref());
    }

    /// Notes what of the parts at `place` is not read.
    pub(super) fn note_parts(&mut self, place: &dyn Fn() -> String, content: Option<&Content<'_>>) {
        let Some(Content::Parts(parts)) = content else {
            return;
        };
        for part in parts {
            for field in &part.unread {
                self.note(&format!("{}[].{field}", place()));
            }
            if let PartKind::ToolResult(result) = &part.kind {
                self.note_parts(place, result.content.as_ref());
            }
        }
    }

    /// Notes that `field` has no effect.
    pub(super) fn note(&mut self, field: &str) {
        read::note_unknown(&mut self.unread, field);
    }
}
