//! Ids, wherever they are.
//!
//! What is no id of the lab's passes for one with a probability of 2⁻⁴⁰ for each 16 bytes or 32 hex digits in a row (its
//! version, its variant, its checksum), of 2⁻⁸⁰ for one of the run's own, and of 2⁻²³ for 19 digits in a row that are 2⁶² or
//! more. A megabyte of random bytes holds a false one in two cases of a million (bytes are read in two orders), and one
//! of the run's own never.

use uuid::Uuid;

use super::{
    Id, Run,
    escaped::{base64_in, hex_in, unescaped},
    packed::{self, Read},
    token,
};

/// Digits of a number.
const DIGITS: usize = 19;

/// Something that is an id, or was one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub what: What,
    /// In which form it stood there.
    pub form: Form,
    /// What it was wrapped in.
    pub inside: Inside,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// An operation of this run.
    Ours(Id),
    /// An operation of another one.
    OtherRun(Id),
    /// It names this run, and its checksum is wrong: an id of which something was changed or cut.
    Damaged(String),
}

/// In which form an id is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A UUID as text: in either case, with hyphens or without.
    Text,
    /// A UUID's 16 bytes, in the order of RFC 9562 or in that of .NET.
    Bytes,
    /// A token, in either case.
    Token,
    /// A number in decimal digits.
    Number,
}

/// What an id may be wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// Nothing.
    Nothing,
    /// Base64.
    Base64,
    /// The escapes of a JSON string.
    Escapes,
    /// Base64 that a JSON string escapes, such as `\/`.
    EscapedBase64,
    /// Two digits a byte, as Postgres shows a `bytea`.
    Hex,
}

/// What of a run, and of others, is in there: each thing once, where it is least wrapped.
pub fn found_in(bytes: &[u8], run: Run) -> Vec<Found> {
    let mut search = Search {
        run,
        found: Vec::new(),
    };
    search.through(bytes, Inside::Nothing, Inside::Base64);
    if let Some(plain) = unescaped(bytes) {
        search.through(&plain, Inside::Escapes, Inside::EscapedBase64);
    }
    search.found
}

struct Search {
    run: Run,
    found: Vec<Found>,
}

impl Search {
    fn through(&mut self, bytes: &[u8], plainly: Inside, wrapped: Inside) {
        self.look(bytes, plainly);
        for decoded in base64_in(bytes) {
            self.look(&decoded, wrapped);
        }
        for decoded in hex_in(bytes) {
            self.look(&decoded, Inside::Hex);
        }
    }

    fn look(&mut self, bytes: &[u8], inside: Inside) {
        for at in 0..bytes.len() {
            let rest = &bytes[at..];
            if rest[0].is_ascii_hexdigit() {
                self.text(rest, inside);
            }
            // A string has no bytes but text's, and bytes from which escapes were taken away are others.
            if inside != Inside::Escapes
                && let Some(window) = rest.first_chunk()
            {
                self.bytes(*window, inside);
            }
        }
        self.tokens(bytes, inside);
        for digits in bytes.split(|byte| !byte.is_ascii_digit()) {
            self.number(digits, inside);
        }
    }

    fn tokens(&mut self, bytes: &[u8], inside: Inside) {
        // How many signs in a row end here.
        let mut signs = 0;
        for (at, byte) in bytes.iter().enumerate() {
            signs = match token::value(*byte) {
                Some(_) => signs + 1,
                None => 0,
            };
            if signs >= token::SIGNS
                && let Some(window) = bytes[at + 1 - token::SIGNS..].first_chunk()
                && let Some(read) = token::read(window)
            {
                let shown = || String::from_utf8_lossy(window).into_owned();
                self.note(read, shown, Form::Token, inside);
            }
        }
    }

    fn text(&mut self, rest: &[u8], inside: Inside) {
        // With hyphens the ninth sign is one. The variant stands in the same sign in either order.
        let (length, variant) = match rest.get(8) {
            Some(b'-') => (36, 19),
            _ => (32, 16),
        };
        let may_be =
            |window: &&[u8]| matches!(window[variant], b'8' | b'9' | b'a' | b'b' | b'A' | b'B');
        let window = rest.get(..length).filter(may_be);
        let uuid = window.and_then(|window| Uuid::try_parse_ascii(window).ok());
        if let Some(read) = uuid.and_then(either_order) {
            let shown = || String::from_utf8_lossy(&rest[..length]).into_owned();
            self.note(read, shown, Form::Text, inside);
        }
    }

    fn bytes(&mut self, window: [u8; 16], inside: Inside) {
        // The variant stands in the same byte in either order; most of what passes is text, which has no such byte.
        if window[8] & 0xc0 != 0x80 {
            return;
        }
        let uuid = Uuid::from_bytes(window);
        if let Some(read) = either_order(uuid) {
            self.note(read, || uuid.to_string(), Form::Bytes, inside);
        }
    }

    fn number(&mut self, digits: &[u8], inside: Inside) {
        if digits.len() != DIGITS {
            return;
        }
        let bits = std::str::from_utf8(digits)
            .ok()
            .and_then(|text| text.parse().ok());
        if let Some(id) = bits.and_then(|bits| packed::read_number(bits, self.run)) {
            self.note(Read::Whole(id), String::new, Form::Number, inside);
        }
    }

    fn note(&mut self, read: Read, shown: impl Fn() -> String, form: Form, inside: Inside) {
        let what = match read {
            Read::Whole(id) if id.run == self.run => What::Ours(id),
            Read::Whole(id) => What::OtherRun(id),
            Read::Broken(run) if run == self.run => What::Damaged(shown()),
            Read::Broken(_) => return,
        };
        if !self.found.iter().any(|known| known.what == what) {
            self.found.push(Found { what, form, inside });
        }
    }
}

/// .NET writes a GUID's first three fields with their least byte first. Whatever makes sense in one order counts, before
/// anything that makes none is called damaged.
fn either_order(uuid: Uuid) -> Option<Read> {
    let swapped = Uuid::from_bytes_le(*uuid.as_bytes());
    match (packed::read(uuid), packed::read(swapped)) {
        (Some(Read::Whole(id)), _) | (_, Some(Read::Whole(id))) => Some(Read::Whole(id)),
        (as_it_is, other) => as_it_is.or(other),
    }
}
