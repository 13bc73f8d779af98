//! What the client is told about its request besides the answer.

use std::borrow::Cow;

use crate::error::EncodeError;

/// The most fields that are named of each kind: more than there are, but a client can invent some.
const MOST: usize = 128;

/// Fields that are not honoured as they stand; each is named once.
///
/// A field does harm when leaving or changing it changes the answer: strict mode refuses it then.
#[derive(Debug, Default)]
pub(super) struct Notes {
    ignored: Vec<Cow<'static, str>>,
    adjusted: Vec<&'static str>,
    harmful: Vec<Cow<'static, str>>,
}

impl Notes {
    /// A field has no effect, and the answer is another one without it.
    pub(super) fn ignore(&mut self, field: impl Into<Cow<'static, str>>) {
        let field = field.into();
        name(&mut self.harmful, field.clone());
        name(&mut self.ignored, field);
    }

    /// A field has no effect, and the answer is the same without it.
    pub(super) fn ignore_harmless(&mut self, field: impl Into<Cow<'static, str>>) {
        name(&mut self.ignored, field.into());
    }

    /// A field was brought into the model's limits, which changes the answer.
    pub(super) fn adjust(&mut self, field: &'static str) {
        name(&mut self.harmful, Cow::Borrowed(field));
        self.adjust_harmless(field);
    }

    /// A field was brought into the model's limits, which leaves the answer as it was meant.
    pub(super) fn adjust_harmless(&mut self, field: &'static str) {
        if !self.adjusted.contains(&field) {
            self.adjusted.push(field);
        }
    }

    /// Fields that nobody knows: they may have been meant to change the answer.
    pub(super) fn ignore_unknown(&mut self, fields: &[String]) {
        for field in fields {
            self.ignore(field.clone());
        }
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.ignored.is_empty() && self.adjusted.is_empty()
    }

    /// The fields without effect, and those that were adjusted.
    ///
    /// # Errors
    ///
    /// When one of them does harm and the request is `strict`.
    pub(super) fn told(
        self,
        strict: bool,
    ) -> Result<(Vec<Cow<'static, str>>, Vec<&'static str>), EncodeError> {
        if strict && !self.harmful.is_empty() {
            let fields = self.harmful;
            return Err(EncodeError::Strict { fields });
        }
        Ok((self.ignored, self.adjusted))
    }
}

/// Lists `field` unless it is there, or nobody would read that far.
fn name(fields: &mut Vec<Cow<'static, str>>, field: Cow<'static, str>) {
    if fields.len() < MOST && !fields.contains(&field) {
        fields.push(field);
    }
}
