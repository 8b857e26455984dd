//! Chance that can be repeated: a small generator (SplitMix64), seeded by the proxy's name and the connection's number.
//! Toxiproxy's API has no seed; a name that carries the run's is one that every server takes.

/// A seeded source of draws.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    /// Of one direction of a proxy's connection, counted from 0: the same name draws the same again.
    pub(super) fn of(proxy: &str, direction: u64) -> Self {
        let name = proxy.bytes().fold(0u64, |seed, byte| {
            seed.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        Self::seeded(name ^ direction.wrapping_mul(0xA076_1D64_78BD_642F))
    }

    /// Equal seeds draw equally.
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Evenly from 0 up to, and not including, 1.
    pub(super) fn share(&mut self) -> f32 {
        // 24 bits are what an f32 holds exactly; more could round up to 1.
        (self.next() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// Evenly within `spread` of `middle`, never below zero.
    pub(super) fn around(&mut self, middle: u64, spread: u64) -> u64 {
        if spread == 0 {
            return middle;
        }
        let width = spread.saturating_mul(2).saturating_add(1);
        middle
            .saturating_add(self.next() % width)
            .saturating_sub(spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_within_the_spread_and_reach_both_halves() {
        let mut chance = Chance::seeded(7);
        let draws: Vec<u64> = (0..1000).map(|_| chance.around(100, 10)).collect();
        assert!(draws.iter().all(|draw| (90..=110).contains(draw)));
        assert!(draws.iter().any(|draw| *draw < 95) && draws.iter().any(|draw| *draw > 105));
    }

    #[test]
    fn a_proxy_of_the_same_name_draws_the_same_on_each_connection_again() {
        let draws = |name: &str, direction: u64| {
            let mut chance = Chance::of(name, direction);
            [(); 20].map(|()| chance.around(250, 100))
        };
        let first = draws("recovery-slow_link-7-relay-1-rabbitmq", 0);
        assert_eq!(draws("recovery-slow_link-7-relay-1-rabbitmq", 0), first);
        assert_ne!(draws("recovery-slow_link-7-relay-1-rabbitmq", 1), first);
        assert_ne!(draws("recovery-slow_link-8-relay-1-rabbitmq", 0), first);
    }

    #[test]
    fn a_spread_wider_than_the_middle_never_goes_below_zero() {
        let mut chance = Chance::seeded(7);
        assert!((0..1000).all(|_| chance.around(5, 50) <= 55));
    }

    #[test]
    fn a_share_is_below_one_and_equal_seeds_draw_equally() {
        let (mut one, mut other) = (Chance::seeded(1), Chance::seeded(1));
        for _ in 0..1000 {
            let share = one.share();
            assert!((0.0..1.0).contains(&share));
            assert_eq!(share.to_bits(), other.share().to_bits());
        }
    }
}
