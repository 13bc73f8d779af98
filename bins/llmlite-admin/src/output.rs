//! Where answers go: a table for people or JSON for scripts on standard output, remarks on
//! standard error.

use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// For scripts.
    pub(crate) json: bool,
}

impl Output {
    /// Prints one answer in the form that was asked for.
    pub(crate) fn answer<T: Serialize>(
        self,
        json: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let written = if self.json {
            serde_json::to_writer_pretty(&mut out, json)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out))
        } else {
            out.write_all(text().as_bytes())
        };
        written.and_then(|()| out.flush()).map_err(Failure::Output)
    }

    /// Says something beside the answer. A closed standard error is no reason to fail.
    pub(crate) fn remark(self, text: &str) {
        drop(writeln!(io::stderr(), "{text}"));
    }
}
