//! The steps in which an answer is streamed, common to both dialects.

use std::ops::Range;

use crate::model::{Answer, Said, tokens};

/// Tokens in one delta.
const A_FEW: usize = 4;

/// One step of a stream; most are one event on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Its place in the stream.
    pub(crate) nth: usize,
    pub(crate) kind: Kind,
    /// Output tokens that the reader has got with it.
    pub(crate) tokens: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Open,
    BlockOpen(usize),
    /// Bytes of a block's text.
    Delta(usize, Range<usize>),
    Signature(usize),
    BlockClose(usize),
    /// An event of a kind that nobody knows.
    Odd,
    /// Why the answer ended.
    Stop,
    /// The last word: the usage of all.
    End,
}

/// All steps of an answer, in order.
pub(crate) fn plan(answer: &Answer) -> Vec<Step> {
    let mut steps = Plan(Vec::with_capacity(16));
    steps.add(Kind::Open, 0);
    for (block, said) in answer.said.iter().enumerate() {
        steps.block(block, said);
    }
    steps.add(Kind::Stop, 0);
    steps.add(Kind::End, 0);
    steps.0
}

/// The number of steps before the middle of the answer: after half of the deltas, at least one.
pub(crate) fn middle(steps: &[Step]) -> usize {
    let is_delta = |step: &&Step| matches!(step.kind, Kind::Delta(..) | Kind::Signature(_));
    let deltas = steps.iter().filter(is_delta).count();
    let half = steps
        .iter()
        .filter(is_delta)
        .nth(deltas.div_ceil(2).saturating_sub(1));
    half.map_or(1, |step| step.nth + 1)
}

struct Plan(Vec<Step>);

impl Plan {
    fn add(&mut self, kind: Kind, tokens: u64) {
        let nth = self.0.len();
        self.0.push(Step { nth, kind, tokens });
    }

    fn block(&mut self, block: usize, said: &Said) {
        let at_once = match said {
            Said::Call { name, .. } => tokens::count(name),
            Said::Redacted { tokens, .. } => *tokens,
            _ => 0,
        };
        self.add(Kind::BlockOpen(block), at_once);
        if let Said::Call { .. } | Said::Odd = said {
            self.add(Kind::Delta(block, 0..0), 0);
        }
        self.deltas(block, said.body());
        if let Said::Thinking { text, tokens, .. } = said {
            let hidden = if text.is_empty() { *tokens } else { 0 };
            self.add(Kind::Signature(block), hidden);
        }
        self.add(Kind::BlockClose(block), 0);
        if let Said::Odd = said {
            self.add(Kind::Odd, 0);
        }
    }

    fn deltas(&mut self, block: usize, text: &str) {
        let mut tokens = tokens::tokens(text).map(str::len);
        let mut start = 0;
        loop {
            let few: Vec<usize> = tokens.by_ref().take(A_FEW).collect();
            if few.is_empty() {
                return;
            }
            let end = start + few.iter().sum::<usize>();
            self.add(Kind::Delta(block, start..end), few.len() as u64);
            start = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Stop;

    fn answer(said: Vec<Said>) -> Answer {
        let output_tokens = said.iter().map(Said::tokens).sum();
        Answer {
            said,
            stop: Stop::EndTurn,
            output_tokens,
            thinking_tokens: None,
        }
    }

    #[test]
    fn the_deltas_of_a_block_are_its_text_and_the_steps_have_all_its_tokens() {
        let text = "one two three four five six seven eight nine".to_owned();
        let answer = answer(vec![
            Said::Thinking {
                text: String::new(),
                signature: "s".into(),
                tokens: 9,
            },
            Said::Text(text.clone()),
            Said::Call {
                id: "i".into(),
                name: "add".into(),
                input: "{\"a\": 1}".into(),
            },
            Said::Redacted {
                data: "d".into(),
                tokens: 5,
            },
        ]);
        let steps = plan(&answer);
        let of_text = steps.iter().filter_map(|step| match &step.kind {
            Kind::Delta(1, range) => Some(&text[range.clone()]),
            _ => None,
        });
        assert_eq!(of_text.collect::<String>(), text);
        assert_eq!(
            steps.iter().map(|step| step.tokens).sum::<u64>(),
            answer.output_tokens
        );
    }

    #[test]
    fn the_middle_lies_between_the_first_delta_and_the_end() {
        for words in 1..20 {
            let steps = plan(&answer(vec![Said::Text("word ".repeat(words))]));
            let (before, after) = steps.split_at(middle(&steps));
            assert!(before.iter().any(|step| step.tokens > 0), "{words}");
            assert!(after.iter().any(|step| step.kind == Kind::End), "{words}");
        }
    }
}
