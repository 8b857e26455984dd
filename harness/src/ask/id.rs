//! The id of an operation. It carries its run, its key and its number, so that whoever finds it anywhere in a message, a
//! header or a row knows all three, and needs no rule for where to look.
//!
//! It has three forms, for targets take different things: a UUID, a number and a token. Each ends in a checksum that
//! covers all it carries:
//!
//! | Form | Run | Key | Number | Checksum |
//! | --- | --- | --- | --- | --- |
//! | UUID, 122 bits beside version and variant | 40 | 16 | 32 | 34 |
//! | token, 200 bits | 40 | 16 | 32 | 111, and one that makes the first sign a letter |
//! | number, 63 bits | only in the checksum | 16 | 23 | 23, and one that makes it 19 digits |

mod digest;
mod escaped;
mod found;
mod packed;
mod spelled;
mod token;

use std::fmt::{Display, Formatter};

use uuid::Uuid;

use digest::digest;
pub use found::{Form, Found, Inside, What, found_in};

const RUN_BITS: u32 = 40;
/// How many numbers of a key fit into the 63-bit form.
pub const NUMBERS: u32 = 1 << 23;

/// A run, as its ids name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Run(u64);

impl Run {
    /// The run that these bits name; none if there are more than 40 of them.
    pub const fn new(bits: u64) -> Option<Self> {
        if bits >> RUN_BITS == 0 {
            Some(Self(bits))
        } else {
            None
        }
    }

    /// A run that is told from others by whatever tells its seed from theirs.
    pub fn of(seed: u64) -> Self {
        Self(digest(b"run", &[seed]) >> (u64::BITS - RUN_BITS))
    }

    /// Its 40 bits.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

/// Ten letters and digits: fit for the name of a queue, a table, a folder.
impl Display for Run {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:010x}", self.0)
    }
}

/// An operation of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    /// Whose it is.
    pub run: Run,
    /// What belongs together, and has an order.
    pub key: u16,
    /// Its place in its key.
    pub number: u32,
}

impl Id {
    /// A UUID that every validator takes for a random one (version 4).
    pub fn uuid(self) -> Uuid {
        packed::uuid(self)
    }

    /// 40 lower-case letters and digits, a letter first.
    pub fn token(self) -> String {
        token::token(self)
    }

    /// 19 digits that fit into a signed 64-bit integer and grow with the number, whatever the key; none for a number
    /// beyond [`NUMBERS`].
    pub fn number(self) -> Option<i64> {
        packed::number(self)
    }

    /// The key as targets see it: five digits, always as many, so that they may be a part of something longer.
    pub fn key_text(self) -> String {
        format!("{:05}", self.key)
    }
}

#[cfg(test)]
mod tests;
