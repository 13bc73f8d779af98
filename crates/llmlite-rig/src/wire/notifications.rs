//! Takes notifications out of what a PostgreSQL server says.
//!
//! Each of its messages is a letter, a length that counts itself, and so many bytes.
//! Only the answer to the question whether TLS is spoken is a single letter.

/// The letter of a notification.
const NOTIFICATION: u8 = b'A';
const HEAD: usize = 5;
/// A request for TLS or for GSS encryption: eight bytes with one of these codes.
const QUESTIONS: [u32; 2] = [80_877_103, 80_877_104];

/// Whether a client's first words are a question that is answered with one letter.
pub(super) fn is_plain_question(said: &[u8]) -> bool {
    let Some(([0, 0, 0, 8], rest)) = said.split_first_chunk::<4>() else {
        return false;
    };
    let code = rest.first_chunk::<4>().copied().map(u32::from_be_bytes);
    code.is_some_and(|code| QUESTIONS.contains(&code))
}

/// Follows the messages of one connection through pieces of any size.
#[derive(Debug)]
pub(super) struct Filter {
    /// Letters that are no messages.
    letters: usize,
    /// The head of a message, as far as it has come.
    head: Vec<u8>,
    /// Bytes of the message that are still to come, and whether they are passed on.
    rest: usize,
    passes: bool,
}

impl Filter {
    pub(super) fn new(one_letter_first: bool) -> Self {
        Self {
            letters: usize::from(one_letter_first),
            head: Vec::with_capacity(HEAD),
            rest: 0,
            passes: true,
        }
    }

    /// What is to be passed on of a further piece; of a message that began before, the fate is
    /// what it was then.
    pub(super) fn pass(&mut self, mut piece: &[u8], notifies: bool) -> Vec<u8> {
        let mut passed = Vec::with_capacity(piece.len() + HEAD);
        while !piece.is_empty() {
            let wanted = match (self.letters, self.rest) {
                (1.., _) => self.letters,
                (0, 0) => HEAD - self.head.len(),
                (0, rest) => rest,
            };
            let (part, after) = piece.split_at(wanted.min(piece.len()));
            piece = after;
            if self.letters > 0 {
                self.letters -= part.len();
                passed.extend_from_slice(part);
            } else if self.rest > 0 {
                self.rest -= part.len();
                if self.passes {
                    passed.extend_from_slice(part);
                }
            } else {
                self.head.extend_from_slice(part);
                self.begin(notifies, &mut passed);
            }
        }
        passed
    }

    /// Decides on a message whose head is there.
    fn begin(&mut self, notifies: bool, passed: &mut Vec<u8>) {
        let [letter, length @ ..] = self.head.as_slice() else {
            return;
        };
        let Some(length) = length.first_chunk::<4>() else {
            return;
        };
        self.rest = (u32::from_be_bytes(*length) as usize).saturating_sub(4);
        self.passes = notifies || *letter != NOTIFICATION;
        if self.passes {
            passed.extend_from_slice(&self.head);
        }
        self.head.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(letter: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[letter], &length[..], body].concat()
    }

    #[track_caller]
    fn check(one_letter_first: bool, said: &[Vec<u8>], want: &[Vec<u8>]) {
        let (said, want) = (said.concat(), want.concat());
        for size in [1, 2, 5, 7, said.len()] {
            let mut filter = Filter::new(one_letter_first);
            let passed: Vec<u8> = said
                .chunks(size)
                .flat_map(|piece| filter.pass(piece, false))
                .collect();
            assert_eq!(passed, want, "in pieces of {size}");
        }
        assert_eq!(Filter::new(one_letter_first).pass(&said, true), said);
    }

    #[test]
    fn notifications_are_taken_out_wherever_a_piece_ends() {
        let (row, ready) = (message(b'D', b"A row"), message(b'Z', b"I"));
        let note = message(b'A', b"\0\0\0\x07changes\0virtual_keys 7\0");
        let empty = message(b'1', b"");
        check(
            false,
            &[row.clone(), note.clone(), ready.clone()],
            &[row.clone(), ready.clone()],
        );
        check(
            false,
            &[note.clone(), note.clone(), empty.clone()],
            std::slice::from_ref(&empty),
        );
        check(
            true,
            &[b"N".to_vec(), note, row.clone()],
            &[b"N".to_vec(), row],
        );
    }

    #[test]
    fn a_question_for_encryption_is_told_from_a_greeting() {
        let tls = [0, 0, 0, 8, 4, 210, 22, 47];
        let greeting = [0, 0, 0, 8, 0, 3, 0, 0];
        assert!(is_plain_question(&tls));
        assert!(!is_plain_question(&greeting));
        assert!(!is_plain_question(b"Q"));
    }
}
