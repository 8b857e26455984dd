//! Randomness out of a seed: the same seed draws the same.

use proptest::test_runner::{RngAlgorithm, TestRng};

/// What a seed draws from.
pub(crate) fn of(seed: u64) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}
