//! Ids packed into bits: the UUID and the number.
//!
//! A UUID's last 40 bits are the run, in the clear: what has them and a wrong checksum was once an id of this run, and is
//! damaged. Before them stand the checksum, and key and number under a mask that the checksum draws: whoever sorts,
//! shortens or shards by an id's first digits finds what he would find in random ones.

use uuid::Uuid;

use super::{Id, NUMBERS, RUN_BITS, Run, digest::digest};

const CHECK_BITS: u32 = 34;
const CARRIED_BITS: u32 = 48;
/// Of the front, checksum and carried bits, so many stand before the version, so many between it and the variant, the
/// rest between the variant and the run.
const MIDDLE_BITS: u32 = 12;
const LOW_BITS: u32 = 22;
const VERSION: u128 = 0x4 << 76;
const VERSION_MASK: u128 = 0xf << 76;
const VARIANT: u128 = 0b10 << 62;
const VARIANT_MASK: u128 = 0b11 << 62;

const NUMBER_CHECK_BITS: u32 = 23;
/// Set in every number: all of them have 19 digits.
const NINETEEN_DIGITS: u64 = 1 << 62;

/// Key and number.
pub(super) fn carried(id: Id) -> u64 {
    (u64::from(id.key) << 32) | u64::from(id.number)
}

/// What those bits carry.
pub(super) fn carrying(run: Run, carried: u64) -> Id {
    Id {
        run,
        key: (carried >> 32) as u16,
        number: carried as u32,
    }
}

fn check(id: Id) -> u64 {
    digest(b"uuid", &[id.run.bits(), carried(id)]) >> (u64::BITS - CHECK_BITS)
}

fn mask(check: u64) -> u64 {
    digest(b"uuid mask", &[check]) >> (u64::BITS - CARRIED_BITS)
}

pub(super) fn uuid(id: Id) -> Uuid {
    let check = check(id);
    let front = (u128::from(check) << CARRIED_BITS) | u128::from(carried(id) ^ mask(check));
    let high = front >> (MIDDLE_BITS + LOW_BITS);
    let middle = (front >> LOW_BITS) & ((1 << MIDDLE_BITS) - 1);
    let low = front & ((1 << LOW_BITS) - 1);
    let run = u128::from(id.run.bits());
    let bits = (high << 80) | VERSION | (middle << 64) | VARIANT | (low << RUN_BITS) | run;
    Uuid::from_u128(bits)
}

/// What 16 bytes are.
pub(super) enum Read {
    /// An id.
    Whole(Id),
    /// Not an id, and names a run as an id does.
    Broken(Run),
}

/// Reads a UUID; none if it is not of the form that ids have.
pub(super) fn read(uuid: Uuid) -> Option<Read> {
    let bits = uuid.as_u128();
    if bits & VERSION_MASK != VERSION || bits & VARIANT_MASK != VARIANT {
        return None;
    }
    let high = bits >> 80;
    let middle = (bits >> 64) & ((1 << MIDDLE_BITS) - 1);
    let low = (bits >> RUN_BITS) & ((1 << LOW_BITS) - 1);
    let front = (high << (MIDDLE_BITS + LOW_BITS)) | (middle << LOW_BITS) | low;
    let run = Run((bits & ((1 << RUN_BITS) - 1)) as u64);
    let said = (front >> CARRIED_BITS) as u64;
    let masked = (front & ((1 << CARRIED_BITS) - 1)) as u64;
    let id = carrying(run, masked ^ mask(said));
    Some(if check(id) == said {
        Read::Whole(id)
    } else {
        Read::Broken(run)
    })
}

fn number_check(id: Id) -> u64 {
    digest(b"number", &[id.run.bits(), carried(id)]) >> (u64::BITS - NUMBER_CHECK_BITS)
}

pub(super) fn number(id: Id) -> Option<i64> {
    if id.number >= NUMBERS {
        return None;
    }
    let bits = NINETEEN_DIGITS
        | (u64::from(id.number) << 39)
        | (u64::from(id.key) << NUMBER_CHECK_BITS)
        | number_check(id);
    i64::try_from(bits).ok()
}

/// Reads a number as one of a run's. It does not hold a run's 40 bits: another run's is no number at all.
pub(super) fn read_number(bits: u64, run: Run) -> Option<Id> {
    if bits & NINETEEN_DIGITS == 0 || bits >> 63 != 0 {
        return None;
    }
    let id = Id {
        run,
        key: (bits >> NUMBER_CHECK_BITS) as u16,
        number: (bits >> 39) as u32 & (NUMBERS - 1),
    };
    (number_check(id) == bits & ((1 << NUMBER_CHECK_BITS) - 1)).then_some(id)
}
