//! The token: 25 bytes in base 32, as RFC 4648 has it, in lower case. Its last eight signs are the run, in the clear.

use super::{
    Id, Run,
    digest::digest,
    packed::{Read, carried, carrying},
};

/// Signs of a token.
pub(super) const SIGNS: usize = 40;
/// What they are taken from.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

const BYTES: usize = 25;
const CHECK_BYTES: usize = 14;
const RUN_AT: usize = 20;
/// Without it the first five bits are below 16, and the first sign is a letter.
const FIRST_IS_A_LETTER: u8 = 0x7f;

fn check(id: Id) -> [u8; CHECK_BYTES] {
    let words = [id.run.bits(), carried(id)];
    let halves = [digest(b"token", &words), digest(b"token, too", &words)];
    let mut check = [0; CHECK_BYTES];
    for (index, byte) in check.iter_mut().enumerate() {
        *byte = halves[index / 8].to_be_bytes()[index % 8];
    }
    check[0] &= FIRST_IS_A_LETTER;
    check
}

fn mask(check: &[u8]) -> u64 {
    let words: Vec<u64> = check.iter().map(|byte| u64::from(*byte)).collect();
    digest(b"token mask", &words) >> 16
}

pub(super) fn token(id: Id) -> String {
    let check = check(id);
    let mut bytes = [0_u8; BYTES];
    bytes[..CHECK_BYTES].copy_from_slice(&check);
    bytes[CHECK_BYTES..RUN_AT].copy_from_slice(&(carried(id) ^ mask(&check)).to_be_bytes()[2..]);
    bytes[RUN_AT..].copy_from_slice(&id.run.bits().to_be_bytes()[3..]);
    let fives = bytes.chunks(5).flat_map(|five| {
        let bits = number(five);
        (0..8).map(move |place| ALPHABET[(bits >> (35 - 5 * place)) as usize & 31])
    });
    fives.map(char::from).collect()
}

/// Reads 40 signs; none if they are not all of the alphabet, in whatever case.
pub(super) fn read(signs: &[u8; SIGNS]) -> Option<Read> {
    let mut bytes = [0_u8; BYTES];
    for (eight, five) in signs.chunks(8).zip(bytes.chunks_mut(5)) {
        let mut bits = 0_u64;
        for sign in eight {
            bits = (bits << 5) | value(*sign)?;
        }
        five.copy_from_slice(&bits.to_be_bytes()[3..]);
    }
    let run = Run(number(&bytes[RUN_AT..]));
    let (said, masked) = (&bytes[..CHECK_BYTES], &bytes[CHECK_BYTES..RUN_AT]);
    let id = carrying(run, number(masked) ^ mask(said));
    Some(if check(id) == said {
        Read::Whole(id)
    } else {
        Read::Broken(run)
    })
}

/// What a sign stands for.
pub(super) fn value(sign: u8) -> Option<u64> {
    match sign.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => Some(u64::from(letter - b'a')),
        digit @ b'2'..=b'7' => Some(u64::from(digit - b'2') + 26),
        _ => None,
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |bits, byte| (bits << 8) | u64::from(*byte))
}
