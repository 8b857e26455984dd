//! What wraps an id: base64, hexadecimal, and the escapes of a JSON string.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{
        DecodePaddingMode,
        general_purpose::{GeneralPurpose, GeneralPurposeConfig},
    },
};

/// What is cut out of its surroundings at a guess may end in bits that mean nothing.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// As long are 16 bytes.
const LEAST: usize = 22;
/// The shortest form, a number, has as many bytes. Raw bytes in hexadecimal are a UUID's text.
const LEAST_IN_HEX: usize = 19;

/// What every long enough piece of base64 may stand for, with either alphabet, and broken into lines or not. What stands
/// before a piece may look like a part of it, so it is read from each of its first four signs.
pub(super) fn base64_in(bytes: &[u8]) -> Vec<Vec<u8>> {
    let pieces = bytes.split(|byte| !is_base64(*byte) && !matches!(byte, b'\r' | b'\n'));
    let may_be = pieces.filter(|piece| piece.len() >= LEAST && !is_uuid(piece));
    let pieces = may_be.map(|piece| {
        let signs = piece.iter().filter(|byte| is_base64(**byte));
        signs.copied().map(plain).collect::<Vec<u8>>()
    });
    let long = pieces.filter(|piece| piece.len() >= LEAST);
    long.flat_map(|piece| {
        let shifted = (0..4).map(move |shift| {
            let signs = &piece[shift..];
            // One sign more than whole groups stands for no byte.
            let whole = signs.len() - usize::from(signs.len() % 4 == 1);
            LENIENT.decode(&signs[..whole])
        });
        shifted.filter_map(Result::ok)
    })
    .collect()
}

/// What every long enough run of hexadecimal digits stands for. What stands before it may look like a part of it, so it is
/// read from each of its first two digits.
pub(super) fn hex_in(bytes: &[u8]) -> Vec<Vec<u8>> {
    let runs = bytes.split(|byte| !byte.is_ascii_hexdigit());
    let long = runs.filter(|run| run.len() >= 2 * LEAST_IN_HEX);
    long.flat_map(|run| {
        (0..2).map(|shift| {
            let pairs = run[shift..].chunks_exact(2);
            pairs
                .map(|pair| value(pair[0]) << 4 | value(pair[1]))
                .collect()
        })
    })
    .collect()
}

/// Of a hexadecimal digit.
fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Whether all of a piece is a UUID's text: no id in base64 looks so, but by chance.
fn is_uuid(piece: &[u8]) -> bool {
    let is = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    piece.len() == 36 && piece.iter().enumerate().all(is)
}

fn plain(sign: u8) -> u8 {
    match sign {
        b'-' => b'+',
        b'_' => b'/',
        sign => sign,
    }
}

/// The bytes with one level of a JSON string's escapes taken away; none if nothing is escaped.
pub(super) fn unescaped(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.contains(&b'\\') {
        return None;
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        let [b'\\', sign, behind @ ..] = rest else {
            plain.push(*first);
            rest = after;
            continue;
        };
        rest = behind;
        match sign {
            b'n' => plain.push(b'\n'),
            b'r' => plain.push(b'\r'),
            b't' => plain.push(b'\t'),
            b'u' => match code(behind) {
                Some((letter, behind)) => {
                    plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = behind;
                }
                None => plain.extend_from_slice(b"\\u"),
            },
            sign => plain.push(*sign),
        }
    }
    Some(plain)
}

fn code(bytes: &[u8]) -> Option<(char, &[u8])> {
    let (digits, behind) = bytes.split_at_checked(4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let letter = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    Some((letter, behind))
}
