//! One run, as it is asked for.

use std::sync::Arc;

use super::{scenario::Scenario, target::Target};

/// What is run.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Such as `recovery/broker_back`.
    pub name: String,
    /// What is judged.
    pub target: Arc<Target>,
    /// Without the settings of the target's `[laboratory]`.
    pub as_shipped: bool,
    /// The story, as far as the target has what it is about.
    pub scenario: Scenario,
    /// What of it the target does not have, a sentence each.
    pub left_out: Vec<String>,
    /// Seeds the workload.
    pub seed: u64,
    /// Runs the same again.
    pub repeat_command: String,
}

impl Trial {
    /// What its edges' names begin with: the same in every run of it, for the lab's own Toxiproxy draws its jitter from a
    /// proxy's name. Each lab has a Toxiproxy of its own, and runs a scenario once with a seed.
    pub fn edges(&self) -> String {
        let plain = |sign: char| match sign {
            sign if sign.is_ascii_alphanumeric() || sign == '_' => sign,
            _ => '-',
        };
        let name: String = self.name.chars().map(plain).collect();
        format!("{name}-{}", self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(name: &str, seed: u64) -> String {
        let text = "story = 'told'\n[workload]\nkeys = 1\nwrites = '1 at once'\n";
        let trial = Trial {
            name: name.to_owned(),
            target: Arc::new(Target::ours()),
            as_shipped: false,
            left_out: Vec::new(),
            scenario: toml::from_str(text).unwrap(),
            seed,
            repeat_command: String::new(),
        };
        trial.edges()
    }

    #[test]
    fn a_repeated_run_has_the_same_edges_and_so_the_same_jitter() {
        assert_eq!(edges("recovery/slow_link", 7), "recovery-slow_link-7");
        assert_eq!(
            edges("recovery/slow_link", 7),
            edges("recovery/slow_link", 7)
        );
        assert_ne!(
            edges("recovery/slow_link", 8),
            edges("recovery/slow_link", 7)
        );
        assert_eq!(edges("my/50 % über", 1), "my-50----ber-1");
    }
}
