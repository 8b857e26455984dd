//! Readers are shown what was taken: a bid list has every bid of its auction, and a follower of a live feed sees each applied
//! bid once, in order, however often it has to come back.

use std::collections::BTreeMap;

use super::note::Note;
use super::shown::Shown;
use super::standing::standings;
use crate::ask::scenario::Fault;
use crate::history::{History, Item, Key, Last};
use crate::judge::basis::{Unjudgeable, last, scenario};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::{Finding, Verdict};

pub(in crate::judge) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let mut inquiry = Inquiry::new("readers");
    let mut lists = 0;
    let mut followers: BTreeMap<u64, Follower> = BTreeMap::new();
    for (_, note) in Note::all(history)? {
        match note {
            Note::Listed { key, via, bids } => {
                lists += 1;
                list(&mut inquiry, last, key, &via, &bids);
            }
            Note::Followed {
                follower,
                key,
                after,
                ..
            } => followers
                .entry(follower)
                .or_insert_with(|| Follower::of(key))
                .connects(after),
            Note::Shown { follower, shown } => {
                if let Some(follower) = followers.get_mut(&follower) {
                    follower.sees(&mut inquiry, last, &shown);
                }
            }
            Note::Created { .. } | Note::FeedLost { .. } => {}
        }
    }
    let scenario = scenario(history)?;
    let wanted = scenario.own.followers as usize;
    if followers.len() < wanted {
        let example = format!("{} of {wanted} followers", followers.len());
        inquiry.object(Verdict::Error, "followers that the lab never sent", example);
    }
    // Only then is there surely somebody to read from in the end.
    let everything_comes_back = !scenario.faults.iter().any(Fault::stays);
    let to_be_read = history.recovered_after_ms().is_some() && everything_comes_back;
    if lists == 0 && followers.is_empty() && !to_be_read {
        return Err(Unjudgeable::NotShown(
            "nobody read what the API shows: it is not there in the end",
        ));
    }
    let shown = followers.values().map(|follower| follower.bids).sum();
    if to_be_read {
        for (number, follower) in &followers {
            follower.ends(&mut inquiry, last, *number);
        }
    }
    inquiry.count("bids shown live", shown);
    Ok(inquiry.conclude(lists, "bid lists"))
}

fn list(
    inquiry: &mut Inquiry,
    last: Last<'_>,
    key: Key,
    via: &str,
    bids: &Result<Vec<Item>, String>,
) {
    let bids = match bids {
        Ok(bids) => bids,
        Err(why) => {
            let example = format!("{via}, auction {key}: {why}");
            return inquiry.fail("bid lists that could not be read", example);
        }
    };
    let stored = last.tables.stored.iter();
    let mut stored: Vec<&Item> = stored.filter(|row| row.key == key).collect();
    stored.sort_by_key(|row| row.n);
    if bids.iter().eq(stored.iter().copied()) {
        return;
    }
    let odd = bids
        .iter()
        .zip(&stored)
        .position(|(shown, row)| shown != *row);
    let odd = odd.unwrap_or(bids.len().min(stored.len()));
    let example = format!(
        "{via}, auction {key}: {} bids shown of {}; the first that differs is {:?}, stored is {:?}",
        bids.len(),
        stored.len(),
        bids.get(odd),
        stored.get(odd),
    );
    inquiry.fail("bid lists that do not show what is stored", example);
}

/// A follower, by what it was shown so far.
struct Follower {
    key: Key,
    /// The place of the last bid that it was shown, or that lay before it when it first came.
    place: Option<i64>,
    /// Whether this connection takes up an earlier one; none, once its first message has come.
    resumes: Option<bool>,
    bids: usize,
}

impl Follower {
    fn of(key: Key) -> Self {
        Self {
            key,
            place: None,
            resumes: None,
            bids: 0,
        }
    }

    fn connects(&mut self, after: Option<i64>) {
        self.resumes = Some(after.is_some());
    }

    fn sees(&mut self, inquiry: &mut Inquiry, last: Last<'_>, shown: &Shown) {
        let key = self.key;
        let begins = self.resumes.take();
        match shown {
            Shown::Standing { last_sequence } => match (begins, self.place) {
                (None, _) => {
                    let example = format!("auction {key}: once more at place {last_sequence}");
                    inquiry.fail("standings in the middle of a feed", example);
                }
                (Some(true), Some(place)) if *last_sequence < place => {
                    let example = format!(
                        "auction {key}: place {place} was shown, then it stands at {last_sequence}"
                    );
                    inquiry.fail("standings that went back", example);
                }
                (Some(true), _) => {}
                (Some(false), None) => self.place = Some(*last_sequence),
                (Some(false), Some(place)) => {
                    let example = format!("auction {key}: up to place {place}");
                    inquiry.fail("feeds that gave no id to come back with", example);
                }
            },
            _ if begins.is_some() => {
                let example = format!("auction {key}: it began with {shown:?}");
                inquiry.fail("feeds that do not begin with a standing", example);
            }
            Shown::Bid(bid) => self.bid(inquiry, last, bid),
            Shown::Gap { after, until } => {
                let example = format!("auction {key}: from {after} to {until}");
                inquiry.fail("gaps where nothing was deleted", example);
                self.place = Some(*until);
            }
            Shown::Nonsense { reason } => {
                let example = format!("auction {key}: {reason}");
                inquiry.fail("messages that no feed has", example);
            }
        }
    }

    fn bid(&mut self, inquiry: &mut Inquiry, last: Last<'_>, bid: &Item) {
        self.bids += 1;
        let place = self.place.replace(bid.n).unwrap_or_default();
        if bid.n != place + 1 {
            let example = format!(
                "auction {}: place {} was shown after place {place}",
                self.key, bid.n
            );
            let what = match bid.n > place {
                true => "bids that a feed left out",
                false => "bids that a feed showed again",
            };
            inquiry.fail(what, example);
        }
        let stored = last.stored(bid.id);
        if bid.key != self.key || stored != Some(bid) {
            let example = format!("shown was {bid:?}, stored is {stored:?}");
            inquiry.fail("bids that a feed showed otherwise than they are", example);
        }
    }

    /// Once all is quiet.
    fn ends(&self, inquiry: &mut Inquiry, last: Last<'_>, number: u64) {
        let standings = standings(last.tables);
        let stands = standings.iter().find(|stands| stands.key == self.key);
        let stands = stands.map_or(0, |standing| standing.last_sequence);
        if self.place != Some(stands) {
            let example = format!(
                "follower {number} of auction {}, which stands at {stands}, saw it up to {:?}",
                self.key, self.place
            );
            inquiry.fail("followers that were not shown everything", example);
        }
    }
}

#[cfg(test)]
mod tests;
