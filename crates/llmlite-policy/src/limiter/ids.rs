use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use llmlite_core::ids::LimitId;

/// A table by number of the limit. Nobody outside chooses these numbers, so a multiplication is
/// hash enough; it is also the same in every process, which makes a run of the model repeatable.
pub(super) type ById<T> = HashMap<LimitId, T, BuildHasherDefault<NumberHasher>>;

#[derive(Debug, Default)]
pub(super) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_i64(&mut self, number: i64) {
        self.write_u64(number.cast_unsigned());
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
