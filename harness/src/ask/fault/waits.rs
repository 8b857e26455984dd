//! What a fault waits for beside its moment: the turns before its own; and for how long.

use std::time::Duration;

use crate::ask::{lasting::duration, scenario};

/// How a fault waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waits {
    /// After which others, if it is one of those that come in turn.
    pub turn: Option<u32>,
    /// For how long, if that is not until the workload is over.
    pub patience: Option<Duration>,
}

impl Waits {
    /// As a fault says it; an error names the key.
    pub fn of(fault: &scenario::Fault) -> Result<Self, (&'static str, String)> {
        if fault.turn == Some(0) {
            return Err(("turn", "turns begin at 1".to_owned()));
        }
        let patience = match (&fault.within, &fault.when) {
            (None, _) => None,
            (Some(span), Some(_)) => Some(duration(span).map_err(|said| ("within", said))?),
            (Some(_), None) => {
                let problem = "within is said of what waits for something: it needs when = …";
                return Err(("within", problem.to_owned()));
            }
        };
        Ok(Self {
            turn: fault.turn,
            patience,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::fault::Fault;

    fn parsed(fault: &str) -> Result<Fault, &'static str> {
        let text = format!(
            "story = \"\"\nworkload = {{ keys = 1, writes = \"10/s for 3s\" }}\n[[fault]]\nedge = \"api -> postgres\"\n{fault}"
        );
        let scenario = toml::from_str(&text).expect("a scenario");
        let all = Fault::all(&scenario).map_err(|bad| bad.key)?;
        Ok(all[0].clone())
    }

    #[test]
    fn what_comes_in_turn_is_not_waited_for_before_the_first_request() {
        let commit = "do = \"reset\"\nwhen = { event = \"commit\" }";
        let second = parsed(&format!("{commit}\nturn = 2\nwithin = \"800ms\"")).unwrap();
        let patience = Some(Duration::from_millis(800));
        assert_eq!((second.turn, second.patience), (Some(2), patience));
        assert!(!second.starts_with_workload());
        assert!(parsed(commit).unwrap().starts_with_workload());
        assert_eq!(parsed(&format!("{commit}\nturn = 0")), Err("turn"));
        let timed = "do = \"cut\"\nat = \"0s\"\nwithin = \"1s\"";
        assert_eq!(parsed(timed), Err("within"));
    }
}
