//! The seed of a run: what it draws, it draws again with the same one.

use std::{
    env::{self, VarError},
    time::{SystemTime, UNIX_EPOCH},
};

/// The variable that gives it.
pub const VARIABLE: &str = "LAB_SEED";

/// The variable holds no seed. Never taken for an absent one: whoever sets it wants a certain run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{VARIABLE} is {0:?}; wanted: a whole number from 0 to {max}, as a run prints it", max = u64::MAX)]
pub struct Unreadable(String);

/// The seed that the environment gives, if it gives one.
pub fn given() -> Result<Option<u64>, Unreadable> {
    match env::var(VARIABLE) {
        Ok(text) => read(&text).map(Some),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(bytes)) => Err(Unreadable(bytes.to_string_lossy().into_owned())),
    }
}

fn read(text: &str) -> Result<u64, Unreadable> {
    text.parse().map_err(|_| Unreadable(text.to_owned()))
}

/// One that nobody gave: small enough to type again.
pub fn fresh() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::from(now.subsec_nanos()) ^ now.as_secs() & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_refused_with_the_value_and_what_is_wanted() {
        assert_eq!(read("1857719843"), Ok(1_857_719_843));
        for text in ["", "0x10", "-1", "7 ", "seven", "18446744073709551616"] {
            let said = read(text).unwrap_err().to_string();
            assert!(
                said.starts_with(&format!("LAB_SEED is {text:?}; wanted: a whole number")),
                "{said}"
            );
        }
    }
}
