use std::{collections::HashMap, mem};

use llmlite_core::keys::KeyHash;

/// A map that never holds more than its capacity, in constant time.
///
/// Entries enter the young half; when that is full, it becomes the old one and what was old is
/// gone. An entry that is written again in the meantime is young again.
#[derive(Debug)]
pub(super) struct Bounded<V> {
    young: HashMap<KeyHash, V>,
    old: HashMap<KeyHash, V>,
    half: usize,
}

impl<V> Bounded<V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            half: (capacity / 2).max(1),
        }
    }

    pub(super) fn get(&self, hash: &KeyHash) -> Option<&V> {
        self.young.get(hash).or_else(|| self.old.get(hash))
    }

    pub(super) fn insert(&mut self, hash: KeyHash, value: V) {
        if self.young.len() >= self.half && !self.young.contains_key(&hash) {
            self.old = mem::take(&mut self.young);
        }
        self.old.remove(&hash);
        self.young.insert(hash, value);
    }

    pub(super) fn remove(&mut self, hash: &KeyHash) {
        self.young.remove(hash);
        self.old.remove(hash);
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.young.retain(|_, value| keep(value));
        self.old.retain(|_, value| keep(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u16) -> KeyHash {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        KeyHash::from_bytes(bytes)
    }

    #[test]
    fn it_never_holds_more_than_its_capacity_and_keeps_what_is_used() {
        let mut map = Bounded::new(100);
        for n in 0..1_000 {
            map.insert(hash(n), n);
            map.insert(hash(7_777), 7_777);
            assert!(map.young.len() + map.old.len() <= 100);
        }
        assert_eq!(map.get(&hash(999)), Some(&999));
        assert_eq!(map.get(&hash(7_777)), Some(&7_777));
        assert_eq!(map.get(&hash(0)), None);
    }

    #[test]
    fn what_is_removed_or_not_retained_is_gone_from_both_halves() {
        let mut map = Bounded::new(4);
        for n in 0..4 {
            map.insert(hash(n), n);
        }
        map.remove(&hash(0));
        map.retain(|n| *n != 3);
        let left: Vec<u16> = (0..4).filter(|n| map.get(&hash(*n)).is_some()).collect();
        assert_eq!(left, [1, 2]);
    }
}
