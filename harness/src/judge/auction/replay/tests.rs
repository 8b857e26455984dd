use super::*;
use crate::judge::proof::story::Story;
use crate::judge::proof::story::columns::{change, is};

fn told(story: &Story) -> String {
    match Replay::of(&story.history()) {
        Ok(Some(_)) => "fits".to_owned(),
        Ok(None) => "sampled".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_step_has_the_row_before_and_after() {
    let story = Story::clean();
    let history = story.history();
    let replay = Replay::of(&history).expect("readable").expect("a ledger");
    let event = |step: &Step| match step {
        Step::Event(turn) => turn.before.clone().zip(turn.after.clone()),
        _ => None,
    };
    let steps = replay.told.iter().flat_map(|told| &told.steps);
    let (before, after) = steps.filter_map(event).next().expect("a claimed event");
    assert_eq!(
        (before.status.as_str(), before.claim_token),
        ("pending", None)
    );
    assert_eq!(
        (after.status.as_str(), after.claim_token),
        ("processing", Some(1))
    );
    // What an update does not repeat is as it was.
    assert_eq!(before.item, after.item);
    assert_eq!(before.item, story.tables.outbox[0].item);
}

#[test]
fn rows_that_come_twice_or_change_before_they_come_are_contradictions() {
    assert_eq!(told(&Story::clean()), "fits");
    let key = [("bid_id", is(Story::id(1)))];
    let with = |op| {
        let mut story = Story::clean();
        let (_, written) = story.written("bids", Story::id(1));
        let at = story.written("bids", Story::id(1)).0;
        let bid = story.commit_at(at).changes[written].clone();
        story.commit_last(vec![Change { op, ..bid }]);
        told(&story)
    };
    let contradiction = "the ledger cannot be judged by: 1 contradictions, the first: ";
    let said = format!(
        "{contradiction}Insert of bids {:?}, which was there",
        Story::id(1)
    );
    assert_eq!(with(Operation::Insert), said);
    assert_eq!(with(Operation::Update), "fits");
    let mut story = Story::clean();
    story.commit_last(vec![change("bids", Operation::Delete, &key)]);
    assert_eq!(told(&story), "fits");
    story.commit_last(vec![change("bids", Operation::Delete, &key)]);
    let said = format!(
        "{contradiction}Delete of bids {:?}, which was not there",
        Story::id(1)
    );
    assert_eq!(told(&story), said);
}

#[test]
fn a_row_that_changes_its_key_stays_the_same_row() {
    let mut story = Story::clean();
    let (at, number) = story.written("bids", Story::id(1));
    let mut renamed = story.commit_at(at).changes[number].clone();
    renamed.op = Operation::Update;
    renamed.old_key = [("bid_id".to_owned(), is(Story::id(1)))].into();
    renamed.row.insert("bid_id".to_owned(), is(Story::id(9)));
    story.commit_last(vec![renamed]);
    assert_eq!(told(&story), "fits");
    let history = story.history();
    let replay = Replay::of(&history).expect("readable").expect("a ledger");
    assert!(!replay.tables.bids.contains_key(&Story::id(1)));
    assert!(replay.tables.bids.contains_key(&Story::id(9)));
}

#[test]
fn what_cannot_be_read_or_is_not_closed_is_not_judged_by() {
    let mut story = Story::clean();
    story.commit_last(vec![change(
        "bids",
        Operation::Delete,
        &[("bid_id", is("seven"))],
    )]);
    let said = told(&story);
    assert!(said.ends_with("the column bid_id is \"seven\""), "{said}");
    let mut story = Story::clean();
    story.commit_last(vec![change("bids", Operation::Delete, &[])]);
    assert!(told(&story).ends_with("the column bid_id is missing"));
    let mut story = Story::clean();
    story.drop_events(|event| matches!(event, crate::history::Event::LedgerClosed { .. }));
    assert_eq!(
        told(&story),
        "the ledger cannot be judged by: it was not closed"
    );
    story.sampled("no slot");
    assert_eq!(told(&story), "sampled");
}

#[test]
fn the_last_look_shows_what_the_ledger_lacks() {
    let story = Story::clean();
    let history = story.history();
    let tables = Replay::of(&history)
        .expect("readable")
        .expect("a ledger")
        .tables;
    let mut last = history.last().expect("tables").tables.clone();
    assert_eq!(tables.holes(&last, true), Vec::<String>::new());
    let bid = last.stored.pop().expect("a bid");
    // Without quiet it may have come after the look.
    assert_eq!(tables.holes(&last, false), Vec::<String>::new());
    assert_eq!(tables.holes(&last, true).len(), 1);
    last.stored.push(bid.clone());
    last.stored.push(crate::history::Item {
        id: Story::id(9),
        ..bid
    });
    let said =
        "by the ledger there are 3 bids; the last look shows 4, 1 of them unknown to the ledger";
    assert_eq!(tables.holes(&last, false), [said]);
}

#[test]
fn the_first_of_several_contradictions_is_told() {
    let mut story = Story::clean();
    for bid in [7, 8] {
        let key = [("bid_id", is(Story::id(bid)))];
        story.commit_last(vec![change("bids", Operation::Delete, &key)]);
    }
    let said = told(&story);
    let first = format!(
        "2 contradictions, the first: Delete of bids {:?}",
        Story::id(7)
    );
    assert!(said.contains(&first), "{said}");
}

#[test]
fn a_table_that_is_emptied_has_no_row_any_more() {
    for table in ["bids", "outbox_events", "inbox", "standings"] {
        let mut story = Story::clean();
        let inserted = |change: &Change| change.table == table && change.op == Operation::Insert;
        let history = story.history();
        let row = history
            .commits()
            .flat_map(|commit| &commit.changes)
            .find(|change| inserted(change));
        let row = row.expect("a row").clone();
        let mut twice = story.clone();
        twice.commit_last(vec![row.clone()]);
        assert!(told(&twice).contains("1 contradictions"), "{table}");
        story.commit_last(vec![change(table, Operation::Truncate, &[])]);
        story.commit_last(vec![row]);
        assert_eq!(told(&story), "fits", "{table}");
    }
}

#[test]
fn a_received_bid_stays_as_it_was_where_an_update_does_not_say() {
    for applied in [true, false] {
        let mut story = Story::clean();
        let (at, number) = story.written("inbox", Story::id(3));
        let row = &mut story.commit_at(at).changes[number];
        if !applied {
            row.row.insert("applied_at".to_owned(), None);
        }
        let mut touched = row.clone();
        touched.op = Operation::Update;
        touched.row.remove("applied_at");
        story.commit_last(vec![touched]);
        let history = story.history();
        let replay = Replay::of(&history).expect("readable").expect("a ledger");
        let last = replay.told.last().expect("a commit");
        let [Step::Received(turn)] = &last.steps[..] else {
            panic!("{:?}", last.steps);
        };
        assert_eq!(turn.after.as_ref().map(|row| row.applied), Some(applied));
    }
    let mut story = Story::clean();
    let key = [("bid_id", is(Story::id(9)))];
    story.commit_last(vec![change("inbox", Operation::Insert, &key)]);
    let history = story.history();
    let replay = Replay::of(&history).expect("readable").expect("a ledger");
    let Some(Step::Received(turn)) = replay.told.last().and_then(|told| told.steps.first()) else {
        panic!("nothing received");
    };
    assert_eq!(turn.after.as_ref().map(|row| row.applied), Some(false));
}
