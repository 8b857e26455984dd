//! What a process plays. Stories name roles, and roles lead to processes, never the other way round.

use serde::Deserialize;

use crate::{ask::spelling::did_you_mean, ask::target::mistake::Mistake};

/// A role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum Plays {
    /// Takes requests.
    Api,
    /// Publishes events.
    Relay,
    /// Applies them.
    Consumer,
}

impl Plays {
    /// All of them, and what stories call them.
    pub const NAMED: [(&'static str, Self); 3] = [
        ("api", Self::Api),
        ("relay", Self::Relay),
        ("consumer", Self::Consumer),
    ];

    /// As stories call it.
    pub fn name(self) -> &'static str {
        let known = Self::NAMED.into_iter().find(|(_, role)| *role == self);
        known.map_or("?", |(name, _)| name)
    }
}

impl TryFrom<String> for Plays {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = Self::NAMED.into_iter().find(|(name, _)| *name == text);
        known.map(|(_, role)| role).ok_or_else(|| {
            let names = Self::NAMED.map(|(name, _)| name);
            format!(
                "{text:?} is no role; there are {}{}",
                names.join(", "),
                did_you_mean(&text, names)
            )
        })
    }
}

/// What a process with this name plays: what it says, or what it is called.
pub(super) fn of(name: &str, said: Option<Vec<Plays>>) -> Result<Vec<Plays>, Mistake> {
    let called = Plays::try_from(name.to_owned()).ok();
    let Some(mut plays) = said else {
        return called.map(|role| vec![role]).ok_or_else(|| {
            Mistake::at(
                "name",
                format!("{name:?} is no role, so say what it plays: plays = [\"api\", \"relay\"]; or [] if it is only there"),
            )
        });
    };
    if let Some(role) = called
        && !plays.contains(&role)
    {
        let problem = format!("it is called {name} and does not play it; give it another name");
        return Err(Mistake::at("plays", problem));
    }
    plays.sort_unstable();
    if plays.windows(2).any(|two| two[0] == two[1]) {
        return Err(Mistake::at("plays", "names a role twice"));
    }
    Ok(plays)
}
