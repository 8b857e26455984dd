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
mod tests {
    use super::*;
    use crate::judge::proof::content::{later, raise, user_id};
    use crate::judge::proof::story::{Story, reason, verdict};
    use crate::judge::verdict::Verdict::{Fail, Pass, Vacuous};

    /// A follower that came back once, and a list.
    fn told(change: impl FnOnce(&mut Vec<Note>)) -> Story {
        let mut story = Story::clean();
        let bid = |at: usize| Shown::Bid(story.tables.stored[at].clone());
        let at = |place: i64| Shown::Standing {
            last_sequence: place,
        };
        let follows = |after: Option<i64>| Note::Followed {
            follower: 0,
            key: Story::key(1),
            via: "api 1".to_owned(),
            after,
        };
        let shown = |shown: Shown| Note::Shown { follower: 0, shown };
        let mut events = vec![
            follows(None),
            shown(at(0)),
            shown(bid(0)),
            follows(Some(1)),
            shown(at(2)),
            shown(bid(1)),
            shown(bid(2)),
        ];
        change(&mut events);
        events
            .into_iter()
            .for_each(|note| story.push_before_end(note.into()));
        story
    }

    fn with(change: impl FnOnce(&mut Vec<Note>)) -> crate::judge::verdict::Verdict {
        verdict(check, &told(change))
    }

    #[test]
    fn each_bid_once_and_in_order_across_connections_passes() {
        assert_eq!(with(|_| ()), Pass);
    }

    #[test]
    fn a_bid_left_out_shown_again_or_never_shown_fails() {
        assert_eq!(with(|events| _ = events.remove(2)), Fail);
        assert_eq!(with(|events| events.insert(3, events[2].clone())), Fail);
        assert_eq!(with(|events| events.swap(5, 6)), Fail);
        let story = told(|events| _ = events.pop());
        assert_eq!(
            reason(check, &story),
            (
                Fail,
                "1 followers that were not shown everything".to_owned()
            )
        );
    }

    #[test]
    fn a_bid_shown_otherwise_than_it_is_fails() {
        let changed = |change: fn(&mut Item)| {
            with(|events| match &mut events[2] {
                Note::Shown {
                    shown: Shown::Bid(bid),
                    ..
                } => change(bid),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(changed(|bid| raise(&mut bid.content, 1)), Fail);
        assert_eq!(changed(|bid| later(&mut bid.content, 1)), Fail);
        assert_eq!(changed(|bid| bid.key = Story::key(9)), Fail);
    }

    #[test]
    fn a_feed_begins_with_its_standing_which_never_goes_back() {
        assert_eq!(with(|events| _ = events.remove(4)), Fail);
        assert_eq!(with(|events| events.insert(5, events[4].clone())), Fail);
        let back = |events: &mut Vec<Note>| {
            events[4] = Note::Shown {
                follower: 0,
                shown: Shown::Standing { last_sequence: 0 },
            }
        };
        assert_eq!(with(back), Fail);
    }

    #[test]
    fn a_feed_without_ids_cannot_be_taken_up_again_and_fails() {
        let without_id = |events: &mut Vec<Note>| match &mut events[3] {
            Note::Followed { after, .. } => *after = None,
            other => panic!("{other:?}"),
        };
        assert_eq!(with(without_id), Fail);
    }

    #[test]
    fn followers_that_were_never_sent_are_an_error_of_the_lab() {
        let mut story = Story::clean();
        story.scenario(|scenario| scenario.own.followers = 1);
        assert_eq!(verdict(check, &story), Verdict::Error);
    }

    #[test]
    fn gaps_and_nonsense_fail() {
        for shown in [
            Shown::Gap { after: 0, until: 1 },
            Shown::Nonsense {
                reason: "?".to_owned(),
            },
        ] {
            assert_eq!(
                with(|events| events[2] = Note::Shown { follower: 0, shown }),
                Fail
            );
        }
    }

    #[test]
    fn a_list_shows_exactly_what_is_stored() {
        let listed = |change: fn(&mut Vec<Item>)| {
            let mut story = Story::clean();
            story.change_notes(|note| {
                if let Note::Listed { bids: Ok(bids), .. } = note {
                    change(bids);
                }
            });
            verdict(check, &story)
        };
        assert_eq!(listed(|_| ()), Pass);
        assert_eq!(listed(|bids| _ = bids.remove(1)), Fail);
        assert_eq!(listed(|bids| _ = bids.pop()), Fail);
        assert_eq!(listed(|bids| bids.push(bids[2].clone())), Fail);
        assert_eq!(listed(|bids| bids.swap(0, 1)), Fail);
        assert_eq!(listed(|bids| user_id(&mut bids[0].content, "2")), Fail);
        let mut story = Story::clean();
        story.change_notes(|note| {
            if let Note::Listed { bids, .. } = note {
                *bids = Err("503".to_owned());
            }
        });
        assert_eq!(verdict(check, &story), Fail);
    }

    #[test]
    fn a_run_that_recovered_and_was_not_read_is_vacuous() {
        let mut story = Story::clean();
        story.drop_notes(|note| matches!(note, Note::Listed { .. }));
        assert_eq!(verdict(check, &story), Vacuous);
    }
}
