//! What is heard and seen: what is refused.

use super::{super::Target, BY_SQL, LEAST, says};

#[test]
fn a_witness_hears_and_takes_nothing_from_others() {
    let kind = |kind: &str| format!("\"shop.events\"\nkind = \"{kind}\"");
    let events = "\"shop.events\"";
    says(LEAST, events, &kind("direct"), 5, "name each of them");
    says(LEAST, events, &kind("headers"), 5, "compares headers");
    says(
        LEAST,
        events,
        &format!("{}\nkeys = [\"#\"]", kind("direct")),
        8,
        "letter by letter",
    );
    says(
        LEAST,
        events,
        &format!("{}\nkeys = [\"#\"]", kind("fanout")),
        8,
        "compares no keys",
    );
    says(LEAST, events, "\"\"", 6, "listened to by queue");
    says(
        LEAST,
        events,
        "\"a\"\nqueue = \"b\"",
        7,
        "both exchange and queue",
    );
    says(LEAST, "exchange = \"shop.events\"", "", 5, "hears nothing");
    says(
        LEAST,
        events,
        "\"a\"\nport = \"stomp\"",
        7,
        "expected `amqp`",
    );
    says(
        LEAST,
        events,
        &format!("{}\nkeys = [\"1\"]", kind("x-consistent-hash")),
        7,
        "the lab would hear a share",
    );
    says(
        BY_SQL,
        "exchange = \"lab.events\"",
        "queue = \"mails\"",
        15,
        "each would take the other's",
    );
    says(
        BY_SQL,
        "\"lab.events\"",
        "\"lab.events\"\nkind = \"direct\"\nkeys = [\"a\"]",
        16,
        "is direct here and topic in [setup]",
    );
    let two = LEAST.replacen(
        "[witness]",
        "[[witness]]\nexchange = 'shop.events'\nkeys = ['a.#']\n[[witness]]",
        1,
    );
    let bad = Target::read(&two).unwrap_err();
    assert_eq!(
        (bad.line, bad.problem.contains("listened to twice")),
        (8, true),
        "{bad}"
    );
}

#[test]
fn what_is_compared_is_two_things() {
    says(
        BY_SQL,
        "business = \"orders\"",
        "business = \"outbox\"",
        9,
        "the outbox itself",
    );
    says(
        BY_SQL,
        "table = \"mails\"",
        "table = \"outbox\"",
        17,
        "the outbox itself",
    );
    says(
        BY_SQL,
        "held = \"status = 1\"",
        "held = \"GONE\"",
        13,
        "only sent and given_up can be",
    );
}

#[test]
fn states_of_a_row_do_not_contradict_each_other() {
    says(
        BY_SQL,
        "status = 1",
        "status = 2",
        13,
        "held and sent are the same",
    );
    says(
        BY_SQL,
        "\"status = 1\"",
        "\"gone\"",
        13,
        "only sent and given_up can be",
    );
    says(
        BY_SQL,
        "\"status = 2\"",
        "\"gone\"\narchive = \"old\"",
        12,
        "in the archive, not gone",
    );
    says(BY_SQL, "status = 2", "WHERE status = 2", 12, "says WHERE");
    says(BY_SQL, "table = \"outbox\"\n", "", 10, "names no table");
    says(
        BY_SQL,
        "\"outbox\"",
        "\"outbox; DROP\"",
        11,
        "names no table",
    );
}

#[test]
fn effects_are_seen_in_one_place_and_made_by_somebody() {
    says(
        BY_SQL,
        "table = \"mails\"\n",
        "",
        16,
        "neither table nor sql",
    );
    let query = |sql: &str| format!("sql = \"{sql}\" #");
    says(
        BY_SQL,
        "table = \"mails\"\napplied",
        &query("SELECT id FROM mails"),
        17,
        "no column times",
    );
    says(
        BY_SQL,
        "table = \"mails\"\napplied",
        &query("DELETE FROM x"),
        17,
        "is no query",
    );
    says(
        BY_SQL,
        "name = \"consumer\"",
        "name = \"reader\"\nplays = []",
        16,
        "no process that makes them",
    );
}

#[test]
fn times_and_promises_are_understood_or_refused_where_they_stand() {
    let with = |line: &str| format!("{line}\n[write]");
    says(
        LEAST,
        "[write]",
        &with("pace = { recovers_within = \"soon\" }"),
        2,
        "no duration",
    );
    says(
        LEAST,
        "[write]",
        &with("pace = { stops_within = \"0s\" }"),
        2,
        "no time at all",
    );
    says(
        LEAST,
        "[write]",
        &with("pace = { drains = \"fast\" }"),
        2,
        "no rate",
    );
    says(
        LEAST,
        "[write]",
        &with("promise = { outage = \"never\" }"),
        2,
        "gives up after 30s",
    );
    says(
        LEAST,
        "[write]",
        &with("promise = { effects = \"twice\" }"),
        2,
        "at least once",
    );
    says(
        LEAST,
        "[write]",
        &with("needs = [\"rabbitmq\"]"),
        2,
        "nothing that servers have",
    );
    says(
        LEAST,
        "[write]",
        &with("[setup]\nsql = \"{{port.http}}\""),
        3,
        "[setup]",
    );
    says(
        LEAST,
        "[write]",
        &with("[message]\nid = \"body:id\""),
        3,
        "no JSON pointer",
    );
    says(LEAST, "[write]", &with("[[[x"), 2, "");
}
