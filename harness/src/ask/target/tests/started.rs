//! What is started: what is refused.

use super::{super::Target, BY_SQL, LEAST, says};

#[test]
fn whoever_moves_messages_has_an_edge_to_the_broker() {
    says(
        BY_SQL,
        "env = { DB = \"{{postgres.url}}\", MQ = \"{{rabbitmq.url}}\"",
        "edges = [\"postgres\"]\nenv = { DB = \"{{postgres.url}}\"",
        23,
        "plays relay and has no edge to the broker",
    );
}

#[test]
fn a_laboratory_leads_around_no_edge() {
    let with = |line: &str| format!("[laboratory]\n{line}\n[[process]]\nname = \"relay\"");
    let first = "[[process]]\nname = \"relay\"";
    says(
        BY_SQL,
        first,
        &with("X = \"{{postgres.url}}\""),
        20,
        "is an address",
    );
    says(
        BY_SQL,
        first,
        &with("MQ = \"none\""),
        20,
        "would take the place of {{rabbitmq.url}}",
    );
}

#[test]
fn a_name_with_dots_is_found_on_its_line() {
    says(
        BY_SQL,
        "count = 2",
        "count = 2\nfiles = { \"a.conf\" = \"\",\n \"config/app.properties\" = \"port 127.0.0.1:5432\" }",
        23,
        "found port 5432",
    );
}

#[test]
fn a_process_speaks_over_its_edges_and_over_nothing_else() {
    says(
        BY_SQL,
        "DB = \"{{postgres.url}}\", ",
        "",
        19,
        "would talk around its edge: put {{postgres.url}}",
    );
    says(
        BY_SQL,
        "{{postgres.url}}",
        "u={{postgres.user}}",
        19,
        "would talk around its edge",
    );
    says(
        BY_SQL,
        "edges = [\"rabbitmq\"]",
        "edges = []",
        28,
        "without an edge",
    );
    says(
        BY_SQL,
        "edges = [\"rabbitmq\"]",
        "edges = [\"rabbitmq\", \"rabbitmq\"]",
        28,
        "names rabbitmq twice",
    );
    let two = "env = { DB = \"{{postgres.url}}\", MQ = \"{{rabbitmq.url}}\" }";
    says(
        BY_SQL,
        "env = { MQ = \"{{rabbitmq.url}}\" }",
        two,
        28,
        "has no edge there: add \"postgres\"",
    );
    says(
        BY_SQL,
        "{{postgres.url}}",
        "{{postgres.jdbc}}",
        23,
        "holds no credentials",
    );
    says(
        BY_SQL,
        "[\"rabbitmq\"]\nenv = {",
        "[\"rabbitmq\", \"stomp\"]\nenv = { S = \"{{stomp.port}}\",",
        28,
        "needs = [\"rabbitmq_stomp\"]",
    );
    says(
        BY_SQL,
        "{{port.http}}",
        "{{id}}",
        23,
        "has no meaning in a process",
    );
}

#[test]
fn an_address_that_is_written_out_leads_around_the_edge() {
    let (port, around) = ("\"{{port.http}}\" }", "leads around the edge");
    let fixed = |text: &str| format!("\"{{{{port.http}}}}\", OLD = {text:?} }}");
    says(
        BY_SQL,
        port,
        &fixed("amqp://guest:guest@localhost:5672/x"),
        23,
        around,
    );
    says(BY_SQL, port, &fixed("5432"), 23, around);
    says(BY_SQL, "outbox run", "outbox run --db=h:5432", 22, around);
    let other = BY_SQL.replacen(port, &fixed("localhost:54321"), 1);
    Target::read(&other).unwrap();
}

#[test]
fn a_process_is_started_in_one_way_and_called_by_one_name() {
    says(
        LEAST,
        "run =",
        "image = \"shop:1\"\nrun =",
        9,
        "both run and image",
    );
    says(LEAST, "run = \"./shop\"\n", "", 7, "starts nothing");
    says(
        LEAST,
        "run = \"./shop\"",
        "run = \"./shop && x\"",
        9,
        "is for a shell",
    );
    says(LEAST, "[[process]]", "[process]", 7, "write [[process]]");
    says(
        LEAST,
        "name = \"shop\"",
        "name = \"The Shop\"",
        7,
        "has no name",
    );
    says(LEAST, ", \"relay\"", "", 7, "no process publishes");
    says(
        BY_SQL,
        "\"consumer\"",
        "\"relay\"",
        26,
        "a second process \"relay\"",
    );
    says(
        BY_SQL,
        "\"consumer\"",
        "\"mailer\"",
        26,
        "no role, so say what it plays",
    );
    says(
        BY_SQL,
        "\"consumer\"",
        "\"rabbitmq\"",
        26,
        "stories call something else",
    );
    says(
        BY_SQL,
        "count = 2",
        "count = 2\nplays = [\"api\"]",
        22,
        "does not play it",
    );
    says(BY_SQL, "count = 2", "count = 0", 21, "count = 0");
    says(
        BY_SQL,
        "count = 2",
        "count = 2\nmost = 1",
        22,
        "most = 1: 2 run",
    );
    says(BY_SQL, "count = 2", "most = 17", 21, "from there to 16");
    says(
        BY_SQL,
        "count = 2",
        "ended = \"again\"",
        21,
        "restart after 1s",
    );
    says(
        BY_SQL,
        "count = 2",
        "files = { \"../x\" = \"\" }",
        21,
        "inside the process's folder",
    );
}

#[test]
fn who_says_that_it_is_ready_can_be_asked() {
    says(
        BY_SQL,
        ", PORT = \"{{port.http}}\"",
        "",
        24,
        "never told {{port.http}}",
    );
    says(
        BY_SQL,
        "http = \"/ready\"",
        "http = \"ready\"",
        24,
        "no path",
    );
    says(
        BY_SQL,
        "http = \"/ready\"",
        "tcp = \"{{port.grpc}}\"",
        24,
        "never told {{port.grpc}}",
    );
    says(
        BY_SQL,
        "http = \"/ready\"",
        "tcp = 8080",
        24,
        "2 of relay on one port",
    );
    says(BY_SQL, "http = \"/ready\"", "tcp = 0", 24, "0 is no port");
    says(
        BY_SQL,
        "http = \"/ready\"",
        "log = \"(\"",
        24,
        "no regular expression",
    );
    says(
        BY_SQL,
        "http = \"/ready\"",
        "consumes = \"q\"",
        24,
        "plays no consumer",
    );
}
