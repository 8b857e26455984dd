//! What an answer's status means.

use std::collections::BTreeSet;

use super::mistake::Mistake;

/// What statuses mean. Whatever is neither says nothing: nobody knows whether it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses {
    accepted: BTreeSet<u16>,
    refused: BTreeSet<u16>,
}

/// What an answer says of what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It is done.
    Accepted,
    /// It is not done, and will not be.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// Done, unless the file says otherwise. Not 202: whoever only takes note may forget.
const ACCEPTED: [u16; 3] = [200, 201, 204];
/// Of all 4xx these say nothing of what was asked: too late, too early, too much.
const SAY_NOTHING: [u16; 3] = [408, 425, 429];
/// Statuses that end a request.
const FINAL: std::ops::RangeInclusive<u16> = 200..=599;

impl Statuses {
    /// Those of a file, or the usual ones.
    pub(super) fn new(
        accepted: Option<Vec<u16>>,
        refused: Option<Vec<u16>>,
    ) -> Result<Self, Mistake> {
        for (key, said) in [("accepted", &accepted), ("refused", &refused)] {
            if let Some(odd) = said
                .iter()
                .flatten()
                .find(|status| !FINAL.contains(*status))
            {
                let problem = format!("{odd} is no status of an answer; write 200 to 599");
                return Err(Mistake::at(key, problem));
            }
        }
        if accepted.as_ref().is_some_and(Vec::is_empty) {
            let problem = "no status is accepted, so that nothing would ever count as done; write [200, 201, 204], or leave it out";
            return Err(Mistake::at("accepted", problem));
        }
        let accepted: BTreeSet<u16> =
            accepted.map_or(BTreeSet::from(ACCEPTED), BTreeSet::from_iter);
        let refused = match refused {
            Some(refused) => BTreeSet::from_iter(refused),
            None => {
                let meant =
                    |status: &u16| !SAY_NOTHING.contains(status) && !accepted.contains(status);
                (400..=499).filter(meant).collect()
            }
        };
        if let Some(both) = accepted.intersection(&refused).next() {
            let problem = format!("{both} is accepted and refused; an answer says one of the two");
            return Err(Mistake::at("refused", problem));
        }
        Ok(Self { accepted, refused })
    }

    /// What an answer with this status says.
    pub fn meaning(&self, status: u16) -> Meaning {
        if self.accepted.contains(&status) {
            Meaning::Accepted
        } else if self.refused.contains(&status) {
            Meaning::Refused
        } else {
            Meaning::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_202_is_accepted_only_if_the_file_says_so() {
        let usual = Statuses::new(None, None).unwrap();
        assert_eq!(usual.meaning(201), Meaning::Accepted);
        assert_eq!(usual.meaning(202), Meaning::Unknown);
        assert_eq!(usual.meaning(409), Meaning::Refused);
        assert_eq!(usual.meaning(429), Meaning::Unknown);
        assert_eq!(usual.meaning(503), Meaning::Unknown);
        let own = Statuses::new(Some(vec![202, 409]), None).unwrap();
        assert_eq!(own.meaning(202), Meaning::Accepted);
        assert_eq!(own.meaning(409), Meaning::Accepted);
        assert_eq!(own.meaning(200), Meaning::Unknown);
        let few = Statuses::new(None, Some(vec![400])).unwrap();
        assert_eq!(few.meaning(404), Meaning::Unknown);
    }

    #[test]
    fn a_status_says_one_thing() {
        let refused = |accepted: &[u16], refused: &[u16]| {
            let said = Statuses::new(Some(accepted.to_vec()), Some(refused.to_vec()));
            said.map(drop).unwrap_err().problem
        };
        assert!(refused(&[200, 409], &[409]).contains("409 is accepted and refused"));
        assert!(refused(&[100], &[]).contains("100 is no status"));
        assert!(refused(&[], &[]).contains("nothing would ever count as done"));
    }
}
