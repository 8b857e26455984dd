//! How long a fault lasts.

use std::time::Duration;

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// So long.
    For(Duration),
    /// Until the last client has its answer.
    Workload,
    /// Never healed: a process that is not started again, an edge that stays as it is.
    Ever,
}

impl Lasting {
    /// `"500ms"`, `"ever"`, or nothing.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, String> {
        match text {
            None => Ok(Self::Workload),
            Some("ever") => Ok(Self::Ever),
            Some(text) => match duration(text)? {
                Duration::ZERO => Err(format!(
                    "for = {text:?} is no time at all, and bites nothing; write one like 500ms, or leave it out: until the workload has ended"
                )),
                span => Ok(Self::For(span)),
            },
        }
    }
}

/// `"500ms"`, `"2s"`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{text:?} is no duration such as 500ms or 2s: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_lasts_for_a_time_or_for_the_workload_or_for_ever() {
        assert_eq!(Lasting::parse(None), Ok(Lasting::Workload));
        assert_eq!(Lasting::parse(Some("ever")), Ok(Lasting::Ever));
        assert_eq!(
            Lasting::parse(Some("2s")),
            Ok(Lasting::For(Duration::from_secs(2)))
        );
        assert!(Lasting::parse(Some("long")).is_err());
        assert!(Lasting::parse(Some("0s")).is_err());
        assert!(Lasting::parse(Some("0ms")).is_err());
    }
}
