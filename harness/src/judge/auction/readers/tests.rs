use super::*;
use crate::judge::auction::standing::StandingRow;
use crate::judge::proof::content::{later, raise, user_id};
use crate::judge::proof::story::{Story, finding, reason, verdict};
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

#[test]
fn what_was_shown_is_counted() {
    let counts = [("bid lists", 1), ("bids shown live", 3)];
    let counts = counts.map(|(what, n)| (what.to_owned(), n));
    assert_eq!(finding(check, &told(|_| ())).counts, counts.into());
}

#[test]
fn a_list_is_compared_by_place_and_its_first_oddity_is_shown() {
    let listed = |change: fn(&mut Vec<Item>)| {
        let mut story = Story::clean();
        story.change_last(|tables| tables.stored.reverse());
        story.change_notes(|note| {
            if let Note::Listed { bids: Ok(bids), .. } = note {
                change(bids);
            }
        });
        finding(check, &story)
    };
    assert_eq!(listed(|_| ()).verdict, Pass);
    let stored = Story::clean().tables.stored;
    let shown = |change: fn(&mut Vec<Item>)| listed(change).examples.remove(0);
    let odd = shown(|bids| {
        raise(&mut bids[1].content, 1);
        raise(&mut bids[2].content, 1);
    });
    assert!(
        odd.ends_with(&format!("stored is {:?}", Some(&stored[1]))),
        "{odd}"
    );
    let short = shown(|bids| _ = bids.pop());
    assert!(
        short.ends_with(&format!("is None, stored is {:?}", Some(&stored[2]))),
        "{short}"
    );
}

#[test]
fn what_is_wrong_with_a_feed_is_told_apart() {
    let said = |change: fn(&mut Vec<Note>)| {
        let counts = finding(check, &told(change)).counts;
        let looked_at = ["bid lists", "bids shown live"];
        let said = counts
            .keys()
            .filter(|what| !looked_at.contains(&what.as_str()));
        said.cloned().collect::<Vec<_>>().join("; ")
    };
    assert_eq!(
        said(|notes| _ = notes.remove(2)),
        "bids that a feed left out"
    );
    assert_eq!(
        said(|notes| notes.insert(3, notes[2].clone())),
        "bids that a feed showed again"
    );
    // Up to where it had seen it, it may stand when the follower comes back.
    let stands = |notes: &mut Vec<Note>| {
        notes[4] = Note::Shown {
            follower: 0,
            shown: Shown::Standing { last_sequence: 1 },
        }
    };
    assert_eq!(said(stands), "");
    let begins_with_a_bid = |notes: &mut Vec<Note>| _ = notes.remove(1);
    let wrong = said(begins_with_a_bid);
    assert!(
        wrong.contains("feeds that do not begin with a standing"),
        "{wrong}"
    );
    let nonsense = |notes: &mut Vec<Note>| {
        let reason = "?".to_owned();
        let shown = Shown::Nonsense { reason };
        notes.insert(3, Note::Shown { follower: 0, shown });
    };
    assert_eq!(said(nonsense), "messages that no feed has");
}

#[test]
fn a_follower_sees_its_own_auction_to_the_end() {
    let mut story = told(|_| ());
    story.change_last(|tables| {
        let mut rows = standings(tables);
        rows.insert(
            0,
            StandingRow {
                key: Story::key(9),
                last_sequence: 8,
                bid_count: 8,
                highest_bid_id: None,
                highest_amount: None,
            },
        );
        tables.aside = rows.into_iter().map(Into::into).collect();
    });
    assert_eq!(verdict(check, &story), Pass);
    // One without a standing is seen to the end from the beginning.
    let mut story = told(|notes| notes.truncate(2));
    story.change_last(|tables| tables.aside.clear());
    assert_eq!(verdict(check, &story), Pass);
}

/// A run in which this is not there, unless its fault heals and it recovers.
fn read_by(
    dropped: fn(&Note) -> bool,
    comes_back: bool,
) -> Result<crate::judge::verdict::Verdict, Unjudgeable> {
    let mut story = told(|notes| {
        _ = notes.pop();
    });
    story.drop_notes(dropped);
    if !comes_back {
        story.another_fault("client -> api");
        story.scenario(|scenario| scenario.faults[0].lasts = Some("ever".to_owned()));
    }
    check(&story.history()).map(|found| found.verdict)
}

#[test]
fn what_does_not_come_back_need_not_be_read_in_the_end() {
    let lists = |note: &Note| matches!(note, Note::Listed { .. });
    let followers = |note: &Note| matches!(note, Note::Followed { .. } | Note::Shown { .. });
    let either = |note: &Note| !matches!(note, Note::Created { .. });
    assert!(
        matches!(read_by(|_| false, true), Ok(Fail)),
        "not shown everything"
    );
    assert!(matches!(read_by(|_| false, false), Ok(Pass)));
    assert!(matches!(read_by(lists, false), Ok(Vacuous)));
    assert!(matches!(read_by(followers, false), Ok(Pass)));
    assert!(matches!(
        read_by(either, false),
        Err(Unjudgeable::NotShown(_))
    ));
    assert!(matches!(read_by(either, true), Ok(Vacuous)));
}

#[test]
fn a_list_has_the_bids_of_its_auction_alone() {
    assert_eq!(verdict(check, &Story::of_two_auctions()), Pass);
}
