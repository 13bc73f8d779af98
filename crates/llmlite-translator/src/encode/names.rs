//! Names and ids in the alphabet that Claude takes.
//!
//! Clients send dots, slashes, spaces and more than 64 characters.
//! A replacement depends on the original alone, so that it is the same in every turn of a
//! conversation and the cached prefix stays valid.

use std::borrow::Cow;

const LONGEST: usize = 64;

/// `name` as Claude takes it: unchanged if possible, else readable and with a hash.
pub(super) fn tool_name(name: &str) -> Cow<'_, str> {
    if is_plain(name) {
        return Cow::Borrowed(name);
    }
    let hash = format!("_{:016x}", hash(name) as u64);
    let readable = name
        .chars()
        .map(|char| if is_plain_char(char) { char } else { '_' });
    let mut mapped: String = readable.take(LONGEST - hash.len()).collect();
    mapped.push_str(&hash);
    Cow::Owned(mapped)
}

/// The `time`th use of `id` as Claude takes it: the first unchanged if possible, else a hash.
pub(super) fn call_id(id: &str, time: u32) -> Cow<'_, str> {
    match time {
        0 | 1 if is_plain(id) => Cow::Borrowed(id),
        0 | 1 => Cow::Owned(format!("call_{:032x}", hash(id))),
        _ => Cow::Owned(format!("call_{:032x}", hash(&format!("{id} {time}")))),
    }
}

/// `kind` in an answer's header: what a client wrote there without what does not belong.
pub(super) fn shown(kind: &str) -> String {
    let plain = kind
        .chars()
        .filter(|char| is_plain_char(*char) || *char == '.');
    plain.take(LONGEST).collect()
}

/// An id for the `time`th call of the function `name`, where calls have no ids of their own.
pub(super) fn id_of_name(name: &str, time: u32) -> String {
    format!("call_{:032x}", hash(&format!("function {name} {time}")))
}

fn is_plain(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.chars().all(is_plain_char)
}

fn is_plain_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '-')
}

/// FNV-1a with 128 bits: the same in every release, unlike the standard library's hasher.
fn hash(text: &str) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.bytes().fold(OFFSET, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME)
    })
}
