//! What a replay has met.

/// What was met on the way.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub steps: u64,
    pub takeovers: u64,
    pub received_again: u64,
    pub stale_marks: u64,
    pub late_commits: u64,
}

impl Tally {
    /// By the names of facts.
    pub fn named(&self) -> [(&'static str, u64); 4] {
        [
            ("takeovers", self.takeovers),
            ("received_again", self.received_again),
            ("stale_marks", self.stale_marks),
            ("late_commits", self.late_commits),
        ]
    }
}
