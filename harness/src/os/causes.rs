//! Errors for people: what happened and why, each cause once.

use std::fmt::{Display, Formatter, Result};

/// An error with its causes, as `what: why: why`. Some errors say their cause themselves and name it as well: it is not
/// said again.
pub struct Causes<'e>(pub &'e anyhow::Error);

impl Display for Causes<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut said = self.0.to_string();
        for cause in self.0.chain().skip(1) {
            let cause = cause.to_string();
            if !said.contains(&cause) {
                said.push_str(": ");
                said.push_str(&cause);
            }
        }
        f.write_str(&said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read {0}: {1}")]
    struct Unreadable(&'static str, #[source] std::io::Error);

    #[test]
    fn each_cause_is_said_once() {
        let full = || std::io::Error::other("the disk is full");
        let error = anyhow::Error::from(Unreadable("a file", full())).context("starting");
        assert_eq!(
            Causes(&error).to_string(),
            "starting: cannot read a file: the disk is full"
        );
        let plain = anyhow::Error::from(full()).context("starting");
        assert_eq!(Causes(&plain).to_string(), "starting: the disk is full");
    }
}
