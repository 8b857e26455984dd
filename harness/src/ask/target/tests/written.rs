//! How operations are asked for: what is refused.

use super::{super::Target, BY_SQL, LEAST, says};

#[test]
fn a_write_says_one_thing_and_can_be_told_from_others() {
    says(
        LEAST,
        "json =",
        "sql = \"INSERT\"\njson =",
        4,
        "both http and sql",
    );
    says(
        LEAST,
        "http = \"POST {{api}}/orders\"\n",
        "",
        2,
        "neither http nor sql",
    );
    says(
        LEAST,
        "json =",
        "rollback = 5\njson =",
        4,
        "rollback is of a transaction",
    );
    says(
        LEAST,
        "json =",
        "body = \"x\"\njson =",
        4,
        "both json and body",
    );
    says(LEAST, "{{id}}", "1", 3, "tells one operation from another");
    says(LEAST, "POST", "GET", 3, "a GET writes nothing");
    says(
        LEAST,
        "{{api}}/orders",
        "http://localhost:80/orders",
        3,
        "goes around the edges",
    );
    says(
        LEAST,
        "json =",
        "accepted = [200, 409]\nrefused = [409]\njson =",
        5,
        "409 is accepted and refused",
    );
    says(LEAST, "\"{{key}}\"", "1979-05-27", 4, "no dates");
    let body = "headers = { content-type = \"application/json\" }\nbody = '{\"id\": {{id}}}' #";
    says(
        LEAST,
        "json =",
        body,
        5,
        "is no JSON once its placeholders are filled",
    );
    says(LEAST, "json =", "body = '{{id}}' #", 4, "a body of no type");
    says(
        LEAST,
        "json =",
        "headers = { \"a b\" = \"1\" }\njson =",
        4,
        "no header's name",
    );
}

#[test]
fn a_transaction_is_the_labs_own_and_has_nothing_of_a_request() {
    says(BY_SQL, "rollback = 5", "rollback = 100", 7, "at most 99");
    says(
        BY_SQL,
        "rollback = 5",
        "accepted = [200]",
        7,
        "accepted is of a request",
    );
    says(
        BY_SQL,
        "INSERT INTO",
        "BEGIN; INSERT INTO",
        6,
        "found BEGIN",
    );
    says(
        BY_SQL,
        "'{{key}}'",
        "'{{postgres.url}}'",
        6,
        "has no meaning in what is asked for an operation",
    );
}

#[test]
fn order_is_promised_only_where_the_target_knows_what_belongs_together() {
    says(LEAST, "{{key}}", "ann", 2, "nothing here says {{key}}");
    let none = LEAST.replacen("{{key}}", "ann", 1).replacen(
        "[write]",
        "promise = { order = 'none' }\n[write]",
        1,
    );
    Target::read(&none).unwrap();
}

#[test]
fn requests_go_to_whoever_takes_them() {
    says(LEAST, "\"api\", ", "", 3, "{{api}} is nobody");
    says(
        LEAST,
        "PORT = \"{{port.http}}\", ",
        "",
        7,
        "never told where: put {{port.http}}",
    );
    let asked = "answer = \"GET {{api}}/orders/{{token}}\"";
    says(
        LEAST,
        "[witness]",
        &format!("[look]\n{asked}\n[witness]"),
        6,
        "[write] never says it",
    );
    says(
        LEAST,
        "[witness]",
        "[look]\nanswer = \"POST {{api}}/{{id}}\"\n[witness]",
        6,
        "write GET",
    );
    says(
        LEAST,
        "[witness]",
        "[look]\nanswer = \"GET {{api}}/o\"\n[witness]",
        6,
        "no operation in particular",
    );
    says(
        BY_SQL,
        "business =",
        "answer = \"GET {{api}}/{{id}}\"\nbusiness =",
        9,
        "{{api}} is nobody",
    );
}
