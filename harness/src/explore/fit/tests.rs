use std::path::Path;

use super::*;
use crate::{ask::scenario::Condition, explore::suite};

const SHOP: &str = r#"
name = "shop"
pace = { recovers_within = "40s" }
[write]
http = "POST {{api}}/orders"
json = { order = "{{id}}", customer = "{{key}}" }
[witness]
exchange = "shop.events"
[[process]]
name = "shop"
plays = ["api", "relay"]
run = "./shop"
env = { PORT = "{{port.http}}", DATABASE_URL = "{{postgres.url}}", AMQP_URL = "{{rabbitmq.url}}" }
"#;

fn story(name: &str) -> Scenario {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let case = suite::case(&root.join(name).with_extension("toml"));
    case.expect("a story").scenario
}

fn fitted(name: &str, target: &str) -> Fit {
    let target = Target::read(target).expect("a target");
    fit(&story(name), &target).expect("faults that can be understood")
}

fn why_not(name: &str, target: &str) -> String {
    match fitted(name, target) {
        Fit::Not(why) => why,
        Fit::Run { .. } => panic!("{name} fits"),
    }
}

#[test]
fn a_story_about_the_broker_fits_any_target_without_what_is_the_labs_own_targets() {
    let Fit::Run { scenario, left_out } = fitted("duplicate/confirms_lost", SHOP) else {
        panic!("it fits");
    };
    assert_eq!(scenario.faults.len(), 1);
    assert!(scenario.bites.contains_key("deliveries_again"));
    assert!(!scenario.bites.contains_key("broker_outages"));
    assert_eq!(scenario.expect.recovered_within, "40s");
    let said = "[bites] broker_outages: the target does not show it";
    assert!(left_out.iter().any(|left| left == said), "{left_out:?}");
}

#[test]
fn what_happens_to_a_consumer_is_left_out_where_there_is_none() {
    let Fit::Run { scenario, left_out } = fitted("recovery/broker_back", SHOP) else {
        panic!("it fits");
    };
    assert_eq!((scenario.faults.len(), scenario.system.consumers), (1, 0));
    assert_eq!(
        left_out[0],
        "what happens to the consumer: no process plays it"
    );
    let why = why_not("recovery/consumer_restarted_often", SHOP);
    assert_eq!(why, "it is about the consumer, and no process plays it");
}

#[test]
fn what_cannot_be_run_says_what_the_target_lacks() {
    let cases = [
        (
            "ordering/two_relays",
            "it needs 2 of relay, and the file's most allows 1",
        ),
        (
            "ordering/stale_marks",
            "it breaks what only the lab's own target has",
        ),
        (
            "failure/feeds_broken",
            "its clients ask for what only the lab's own target has",
        ),
    ];
    for (name, why) in cases {
        assert_eq!(why_not(name, SHOP), why, "{name}");
    }
    let queue = SHOP.replace("exchange = \"shop.events\"", "queue = \"orders\"");
    let why = why_not("failure/unroutable", &queue);
    assert!(why.contains("publishes to a queue alone"), "{why}");
    let dropped = SHOP.replace("pace =", "promise = { unroutable = \"dropped\" }\npace =");
    let why = why_not("failure/unroutable", &dropped);
    assert!(why.contains("promises nothing"), "{why}");
}

#[test]
fn the_writers_own_way_can_be_broken_only_where_the_lab_writes_itself() {
    let story = "failure/commits_unheard";
    let why = why_not(story, SHOP);
    assert!(
        why.starts_with("it breaks the edge client -> postgres"),
        "{why}"
    );
    let toy = include_str!("../../../targets/toy/status.toml");
    let Fit::Run { scenario, left_out } = fitted(story, toy) else {
        panic!("it fits");
    };
    assert_eq!((scenario.faults.len(), left_out), (6, Vec::new()));
    assert!(scenario.bites.contains_key("unknown_stored"));
    let why = why_not("failure/postgres_away", toy);
    assert_eq!(why, "it breaks the api, and no process plays it");
}

#[test]
fn a_database_that_comes_late_is_for_those_who_ask_it() {
    let apart = SHOP.replace(
        "plays = [\"api\", \"relay\"]",
        "plays = [\"relay\"]\nedges = [\"rabbitmq\"]",
    );
    let apart = apart.replace("DATABASE_URL = \"{{postgres.url}}\", ", "")
        + "[[process]]\nname = \"api\"\nrun = \"./api\"\nedges = [\"rabbitmq\"]\nenv = { PORT = \"{{port.http}}\", AMQP_URL = \"{{rabbitmq.url}}\" }\n";
    for (story, edge) in [
        ("failure/database_stalls", "api -> postgres"),
        ("recovery/relay_database_late", "relay -> postgres"),
    ] {
        let why = format!("it breaks the edge {edge}, which the target does not have");
        assert_eq!(why_not(story, &apart), why);
    }
}

#[test]
fn who_gives_up_after_some_attempts_is_not_expected_to_keep_all() {
    let outage = "recovery/outage_beyond_retries";
    let shows = format!("{SHOP}[outbox]\ntable = 'outbox'\ngiven_up = 'dead'\n");
    let Fit::Run { scenario, .. } = fitted(outage, &shows) else {
        panic!("it fits");
    };
    assert!(scenario.expect.facts.contains_key("events_failed"));
    let promise = "[promise]\noutage = 'gives up after 5 attempts'\n[write]";
    let Fit::Run { scenario, left_out } = fitted(outage, &shows.replace("[write]", promise)) else {
        panic!("it fits");
    };
    assert!(scenario.expect.facts.is_empty());
    let said = |left: &String| left.starts_with("[expect] events_failed: [promise] outage");
    assert!(left_out.iter().any(said), "{left_out:?}");
}

#[test]
fn the_labs_own_target_itself_fits_nothing_worse_than_its_own_stories() {
    let fitted = fit(&story("recovery/broker_back"), &Target::ours());
    let Ok(Fit::Run { scenario, .. }) = fitted else {
        panic!("it fits");
    };
    assert_eq!(scenario.faults.len(), 2);
}

#[test]
fn what_a_fault_must_have_bitten_often_in_the_labs_own_target_it_bites_once_in_others() {
    let Fit::Run { scenario, left_out } = fitted("wire/logins_refused", SHOP) else {
        panic!("it fits");
    };
    assert!(scenario.bites["fault_1_bites"].holds(1) && !scenario.bites["fault_1_bites"].holds(0));
    assert!(
        left_out
            .iter()
            .any(|left| left.contains("fault_1_bites >= 3: once is enough"))
    );
}

#[test]
fn a_session_that_holds_must_have_held_for_as_many_transactions_in_others_too() {
    for name in ["wire/long_snapshot", "wire/transaction_held"] {
        let Fit::Run { scenario, left_out } = fitted(name, SHOP) else {
            panic!("{name} fits");
        };
        let asked = story(name).bites["fault_1_bites"];
        assert_eq!(scenario.bites["fault_1_bites"], asked, "{name}");
        assert!(left_out.iter().all(|left| !left.contains("fault_1_bites")));
    }
}

#[test]
fn what_a_story_asks_of_a_fault_by_its_number_follows_the_fault() {
    let mut two = story("recovery/broker_back");
    // The consumer's first, which a target without one has not.
    two.faults.reverse();
    let asked = |text: &str| Condition::try_from(text.to_owned()).expect("a condition");
    let bites = [("fault_1_bites", "= 7"), ("fault_2_bites", "= 8")];
    two.bites = bites
        .map(|(fact, text)| (fact.to_owned(), asked(text)))
        .into();
    let shop = Target::read(SHOP).expect("a target");
    let Ok(Fit::Run { scenario, .. }) = fit(&two, &shop) else {
        panic!("it fits");
    };
    let named: Vec<_> = scenario.bites.into_iter().collect();
    assert_eq!(named, [("fault_1_bites".to_owned(), asked("= 8"))]);
}

#[test]
fn a_statement_on_a_table_that_is_not_there_is_waited_for_by_nobody() {
    let said = why_not("wire/mark_reply_cut", SHOP);
    assert!(said.contains("a statement on outbox_events"), "{said}");
    let with = SHOP.replace(
        "[[process]]",
        "[outbox]\ntable = \"outbox_events\"\nsent = \"done\"\n[[process]]",
    );
    assert!(matches!(
        fitted("wire/mark_reply_cut", &with),
        Fit::Run { .. }
    ));
}

#[test]
fn a_message_of_amqp_is_waited_for_only_where_amqp_is_spoken() {
    let stomp = SHOP.replace(
        "run = \"./shop\"",
        "run = \"./shop\"\nedges = [\"postgres\", \"stomp\"]",
    );
    let stomp = stomp.replace(
        "AMQP_URL = \"{{rabbitmq.url}}\"",
        "STOMP = \"{{stomp.port}}\"",
    );
    let stomp = stomp.replace("[write]", "needs = [\"rabbitmq_stomp\"]\n[write]");
    let said = why_not("wire/confirm_cut", &stomp);
    assert!(said.contains("speaks STOMP"), "{said}");
}

#[test]
fn what_becomes_of_a_request_that_its_client_gave_up_is_the_targets_own_affair() {
    let again = SHOP.replace(
        "[witness]",
        "again = true\n[look]\nbusiness = \"orders\"\n[witness]",
    );
    let Fit::Run { scenario, left_out } = fitted("wire/clients_abort", &again) else {
        panic!("it fits");
    };
    assert!(!scenario.bites.contains_key("unknown_absent"));
    assert!(
        left_out
            .iter()
            .any(|left| left.contains("gave up is its own affair"))
    );
    let Fit::Run { scenario, .. } = fitted("wire/commit_cut", &again) else {
        panic!("it fits");
    };
    assert_eq!(
        scenario.bites.contains_key("unknown_absent"),
        story("wire/commit_cut")
            .bites
            .contains_key("unknown_absent")
    );
}

#[test]
fn a_story_whose_operations_are_planned_needs_no_fault() {
    let mut drawn = story("duplicate/client_retries");
    drawn.workload.copies = 1;
    drawn.own = Default::default();
    drawn.system.settings.clear();
    let target = Target::read(SHOP).expect("a target");
    assert!(matches!(fit(&drawn, &target), Ok(Fit::Not(why)) if why.contains("nothing breaks")));
    let plan = crate::ask::scenario::Plan {
        operations: vec![crate::ask::scenario::Operation::at(0, 1, 1)],
        own: None,
    };
    let planned = fit(&drawn.planned(plan), &target);
    assert!(matches!(planned, Ok(Fit::Run { scenario, .. }) if scenario.plan.is_some()));
}
