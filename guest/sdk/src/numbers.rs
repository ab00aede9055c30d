//! A map from numbers that the host gives out: quick. Its order is fixed but means nothing: whoever
//! iterates must not let it decide the order of commands.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from a host-given number.
pub(crate) type NumberMap<V> = HashMap<u64, V, BuildHasherDefault<NumberHasher>>;

/// Fibonacci hashing: the keys are counters with a shard's number above them.
#[derive(Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
