use uuid::Uuid;

use super::*;
use crate::run::probe::rows::When;

const TABLE: &str = "public.outbox";

fn schema() -> Schema {
    Schema::made_of(&[(
        TABLE,
        &[
            ("seq", "bigint", true),
            ("status", "smallint", false),
            ("state", "text", false),
            ("done", "boolean", false),
            ("attempts", "integer", false),
            ("sent_at", "timestamp with time zone", false),
            ("updated_at", "timestamp with time zone", false),
            ("locked_by", "text", false),
        ],
    )])
}

/// A row with these versions, a column each as `name=value`; `name` alone is NULL.
fn row(versions: &[&str], gone: Option<u32>) -> Row {
    let columns = |text: &&str| -> Columns {
        let columns = text.split(' ');
        let column = |text: &str| match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (text.to_owned(), None),
        };
        columns.map(column).collect()
    };
    let when = |xid: u32| When {
        xid,
        at_us: i64::from(xid),
    };
    Row {
        table: TABLE.to_owned(),
        ids: vec![Uuid::nil()],
        columns: BTreeSet::new(),
        born: when(1),
        versions: versions.iter().map(columns).collect(),
        gone: gone.map(when),
    }
}

fn of(heard: &[Row], unheard: &[Row]) -> States {
    let heard: Vec<&Row> = heard.iter().collect();
    let unheard: Vec<&Row> = unheard.iter().collect();
    states(TABLE, &heard, &unheard, 0, &schema())
}

fn said(states: &States) -> (Option<&str>, Option<&str>) {
    (states.sent.as_deref(), states.held.as_deref())
}

#[test]
fn a_state_that_all_came_to_says_that_they_were_sent_and_one_in_between_that_they_are_held() {
    let rows = [
        row(
            &[
                "status=0 attempts=0",
                "status=1 attempts=1",
                "status=2 attempts=1",
            ],
            None,
        ),
        row(
            &[
                "status=0 attempts=0",
                "status=1 attempts=1",
                "status=2 attempts=1",
            ],
            None,
        ),
    ];
    assert_eq!(
        said(&of(&rows, &[])),
        (Some("status = 2"), Some("status = 1"))
    );
    let texts = [row(&["state=new", "state=it's_sent"], None)];
    assert_eq!(said(&of(&texts, &[])), (Some("state = 'it''s_sent'"), None));
    let truths = [row(&["done=false", "done=true"], None)];
    assert_eq!(said(&of(&truths, &[])), (Some("done = true"), None));
}

#[test]
fn a_time_that_was_set_says_it_and_one_that_is_moved_does_not() {
    let rows = [
        row(&["sent_at updated_at=1", "sent_at=3 updated_at=3"], None),
        row(&["sent_at updated_at=2", "sent_at=4 updated_at=3"], None),
    ];
    assert_eq!(said(&of(&rows, &[])), (Some("sent_at IS NOT NULL"), None));
    let both = [row(&["status=0 sent_at", "status=2 sent_at=4"], None)];
    let states = of(&both, &[]);
    assert_eq!(states.sent.as_deref(), Some("status = 2"));
    assert_eq!(states.others, ["sent_at IS NOT NULL"]);
}

#[test]
fn what_a_row_without_a_message_shows_as_well_says_nothing() {
    let heard = [row(&["status=0 sent_at", "status=2 sent_at=4"], None)];
    let unheard = [row(&["status=0 sent_at", "status=2 sent_at"], None)];
    assert_eq!(
        said(&of(&heard, &unheard)),
        (Some("sent_at IS NOT NULL"), None)
    );
}

#[test]
fn an_owner_says_that_a_row_is_held_and_never_that_it_was_sent() {
    let cleared = [row(
        &[
            "sent_at locked_by",
            "sent_at locked_by=a",
            "sent_at=3 locked_by",
        ],
        None,
    )];
    assert_eq!(
        said(&of(&cleared, &[])),
        (Some("sent_at IS NOT NULL"), Some("locked_by IS NOT NULL"))
    );
    let stays = [row(
        &[
            "sent_at locked_by",
            "sent_at locked_by=a",
            "sent_at=3 locked_by=a",
        ],
        None,
    )];
    assert_eq!(
        said(&of(&stays, &[])),
        (
            Some("sent_at IS NOT NULL"),
            Some("locked_by IS NOT NULL AND NOT coalesce(sent_at IS NOT NULL, false)")
        )
    );
    let deleted = [row(&["locked_by", "locked_by=a"], Some(3))];
    assert_eq!(
        said(&of(&deleted, &[])),
        (Some("gone"), Some("locked_by IS NOT NULL"))
    );
}

#[test]
fn what_is_deleted_was_sent_unless_the_writer_deletes_it_himself() {
    let rows = [row(&["seq=1"], Some(2)), row(&["seq=2"], Some(3))];
    let states = of(&rows, &[]);
    assert_eq!(
        (said(&states), states.is_sure),
        ((Some("gone"), None), true)
    );
    let half = [row(&["seq=1"], Some(2)), row(&["seq=2"], None)];
    assert!(!of(&half, &[]).is_sure);
    let at_once = [row(&["seq=1"], Some(1))];
    let states = of(&at_once, &[]);
    assert_eq!(states.sent, None);
    assert!(
        states
            .why_not
            .is_some_and(|why| why.contains("the transaction that writes them"))
    );
}

#[test]
fn rows_that_stay_as_they_were_say_nothing() {
    let states = of(&[row(&["seq=1"], None)], &[]);
    assert_eq!(
        (said(&states), states.why_not),
        ((None, None), Some("its rows stay as they were written"))
    );
    let counted = of(&[row(&["attempts=0", "attempts=1"], None)], &[]);
    assert_eq!(counted.sent, None);
}
