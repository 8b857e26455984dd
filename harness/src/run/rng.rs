//! Randomness out of a seed: the same seed draws the same.

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, Reason, RngAlgorithm, TestRng, TestRunner},
};

/// What a seed draws, one value after the other.
pub(crate) struct Draws(TestRunner);

impl Draws {
    /// From the first on.
    pub(crate) fn of(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self(TestRunner::new_with_rng(Config::default(), rng))
    }

    /// The next value of a strategy. Only one that filters can fail.
    pub(crate) fn next<S: Strategy>(&mut self, strategy: &S) -> Result<S::Value, Reason> {
        Ok(strategy.new_tree(&mut self.0)?.current())
    }
}
