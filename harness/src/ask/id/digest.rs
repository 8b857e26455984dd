//! Bits that look drawn and are the same in every lab: ids in a stored history are read by later ones.

/// Mixes words, one after the other; what for tells the uses of the same words apart.
pub(super) fn digest(what_for: &[u8], words: &[u64]) -> u64 {
    let salt = what_for.iter().map(|byte| u64::from(*byte));
    let words = words.iter().copied();
    salt.chain(words)
        .fold(0, |state, word| mix(state ^ mix(word)))
}

/// One step of SplitMix64: its inputs differ in a bit, its outputs in half of theirs.
fn mix(word: u64) -> u64 {
    let mut word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
