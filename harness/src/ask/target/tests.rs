mod heard;
mod started;
mod written;

use super::{
    address::Address,
    exchange::Kind,
    outbox::Sent,
    placeholder::{Placeholder, Values},
    process::{Ended, Folder, Plays, Port, Program, Ready},
    promise::{Order, Times},
    span::Span,
    status::Meaning,
    write::{Body, How, Serial},
    *,
};
use crate::ask::id::{Id, Run};

pub(super) const LEAST: &str = r#"name = "shop"
[write]
http = "POST {{api}}/orders"
json = { order_id = "{{id}}", customer = "{{key}}" }
[witness]
exchange = "shop.events"
[[process]]
plays = ["api", "relay"]
run = "./shop"
env = { PORT = "{{port.http}}", DATABASE_URL = "{{postgres.url}}", AMQP_URL = "{{rabbitmq.url}}" }
"#;

pub(super) const BY_SQL: &str = r#"name = "orders"
needs = ["postgres.wal_level=logical"]
[setup]
exchanges = ["lab.events topic"]
[write]
sql = "INSERT INTO orders VALUES ('{{id}}', '{{key}}')"
rollback = 5
[look]
business = "orders"
[outbox]
table = "outbox"
sent = "status = 2"
held = "status = 1"
[witness]
exchange = "lab.events"
[effects]
table = "mails"
applied = "sent"
[[process]]
name = "relay"
count = 2
run = "outbox run"
env = { DB = "{{postgres.url}}", MQ = "{{rabbitmq.url}}", PORT = "{{port.http}}" }
ready = { http = "/ready" }
[[process]]
name = "consumer"
run = "outbox consume"
edges = ["rabbitmq"]
env = { MQ = "{{rabbitmq.url}}" }
"#;

/// What is said when a sound file is changed in one place, at which line.
#[track_caller]
pub(super) fn says(sound: &str, from: &str, to: &str, line: usize, words: &str) {
    Target::read(sound).expect("a sound file");
    assert!(sound.contains(from), "{from:?} is not in it");
    let bad = Target::read(&sound.replacen(from, to, 1)).expect_err(to);
    assert!(bad.problem.contains(words), "{bad}");
    assert_eq!(bad.line, line, "{bad}");
}

#[test]
fn ten_lines_are_a_target_and_all_else_has_its_default() {
    let target = Target::read(LEAST).unwrap();
    assert_eq!(target.promise.order, Order::Key);
    assert_eq!(target.promise.effects, Times::Once);
    assert_eq!(target.pace.recovers_within, Span::seconds(15));
    assert_eq!(target.pace.ready_within, Span::seconds(60));
    assert_eq!(target.pace.drains.per_second(), 100);
    assert_eq!(target.write.serial, Serial::Key);
    assert!(!target.write.again);
    assert_eq!(target.message, Message::default());
    let Witness::Exchange { kind, keys, .. } = &target.witnesses[0] else {
        panic!("{:?}", target.witnesses)
    };
    assert_eq!(
        (*kind, keys.as_slice()),
        (Kind::Topic, &["#".to_owned()][..])
    );
    let shop = &target.processes[0];
    assert_eq!(shop.name, "shop", "called as its target");
    assert_eq!(
        (shop.count, shop.dir, shop.ended),
        (1, Folder::Fresh, Ended::Died)
    );
    assert_eq!(shop.ready, Ready::Unsaid);
    assert!(shop.is(Plays::Api) && shop.is(Plays::Relay) && !shop.is(Plays::Consumer));
}

#[test]
fn a_request_is_rendered_for_an_operation() {
    let target = Target::read(LEAST).unwrap();
    let How::Http(http) = &target.write.how else {
        panic!("{:?}", target.write)
    };
    let id = Id {
        run: Run::of(1),
        key: 2,
        number: 3,
    };
    let values = Values::of(id).with(Placeholder::Api, "http://127.0.0.1:9");
    assert_eq!(
        http.request.url.render(&values).unwrap(),
        "http://127.0.0.1:9/orders"
    );
    let Body::Json(json) = &http.body else {
        panic!("{:?}", http.body)
    };
    assert_eq!(
        json.render(&values).unwrap(),
        serde_json::json!({ "order_id": id.uuid().to_string(), "customer": "00002" })
    );
    assert_eq!(http.statuses.meaning(201), Meaning::Accepted);
    let Program::Command(command) = &target.processes[0].program else {
        panic!("no command")
    };
    assert_eq!(command.render(&Values::default()).unwrap(), ["./shop"]);
}

#[test]
fn the_examples_and_the_service_of_this_repository_are_read() {
    let status =
        Target::read(include_str!("../../../targets/examples/status_column.toml")).unwrap();
    assert_eq!(status.promise.order, Order::None);
    assert_eq!(status.laboratory.len(), 3);
    assert_eq!(status.processes[0].count, 2);
    let deleted = Target::read(include_str!(
        "../../../targets/examples/deleted_when_sent.toml"
    ))
    .unwrap();
    assert_eq!(deleted.outbox.unwrap().sent, Sent::Gone);
    assert_eq!(
        deleted.processes[0].ready,
        Ready::Tcp(Port::Free("http".to_owned()))
    );
    let captured = Target::read(include_str!(
        "../../../targets/examples/change_data_capture.toml"
    ))
    .unwrap();
    assert_eq!(captured.outbox.unwrap().sent, Sent::Unsaid);
    assert_eq!(captured.processes[0].dir, Folder::Keep);
    assert_eq!(
        captured.processes[0].ended,
        Ended::RestartAfter(Span::seconds(1))
    );
    let ours = Target::ours();
    assert_eq!(ours.processes.len(), 3);
    assert!(
        judged::judged(&ours)
            .iter()
            .any(|one| one.check == "dedup" && one.judged == judged::Judged::Yes)
    );
}

#[test]
fn an_event_of_the_service_is_known_by_the_first_field_of_its_body() {
    let ours = Target::ours();
    let Some(Address::Pattern(pattern)) = ours.message.id else {
        panic!("{:?}", ours.message.id)
    };
    let id = Id {
        run: Run::of(1),
        key: 2,
        number: 3,
    }
    .uuid()
    .to_string();
    let body = [b"\x0a\x24", id.as_bytes(), b"\x12\x03lab"].concat();
    let caught = pattern.get().captures(&body).expect("the body of an event");
    assert_eq!(&caught[1], id.as_bytes());
}

#[test]
fn unknown_and_misspelt_words_are_answered_with_the_ones_that_were_meant() {
    says(
        LEAST,
        "[witness]",
        "[witnes]",
        5,
        "did you mean \"witness\"",
    );
    says(LEAST, "plays", "play", 8, "did you mean \"plays\"");
    says(LEAST, "\"relay\"", "\"rely\"", 8, "did you mean \"relay\"");
    says(LEAST, "{{id}}", "{{ide}}", 4, "did you mean {{id}}?");
    says(
        LEAST,
        "postgres.url",
        "postgres.ulr",
        10,
        "did you mean {{postgres.url}}",
    );
    says(LEAST, "POST ", "PSOT ", 3, "did you mean \"POST\"");
    says(
        BY_SQL,
        "table = \"outbox\"",
        "tabel = \"outbox\"",
        11,
        "did you mean \"table\"",
    );
    says(
        BY_SQL,
        "http = \"/ready\"",
        "htpp = \"/ready\"",
        24,
        "did you mean \"http\"",
    );
    says(
        BY_SQL,
        "events topic",
        "events topik",
        4,
        "did you mean \"topic\"",
    );
    says(
        BY_SQL,
        "[\"rabbitmq\"]",
        "[\"rabitmq\"]",
        28,
        "did you mean \"rabbitmq\"",
    );
}

#[test]
fn what_is_missing_altogether_is_asked_for() {
    for (without, words) in [
        ("", "no name"),
        ("name = 'a'", "no [write]"),
        ("name = 'a'\n[write]\nsql = '{{id}}'", "no [witness]"),
        (
            "name = 'a'\nwitness = []\n[write]\nsql = '{{id}}'",
            "no [witness]",
        ),
        ("name = ' '", "the name is empty"),
    ] {
        let bad = Target::read(without).unwrap_err();
        assert!(bad.problem.contains(words), "{without:?}: {bad}");
    }
}

#[test]
fn a_side_process_needs_no_edge_and_is_said_never_to_be_disturbed() {
    let redis = "[[process]]\nname = \"redis\"\nplays = []\nedges = []\nrun = \"redis-server\"\n";
    let named = LEAST.replacen("plays", "name = \"shop\"\nplays", 1);
    let target = Target::read(&format!("{named}{redis}")).unwrap();
    let remarks = remarks::remarks(&target);
    assert!(
        remarks.contains(&"redis has no edge, and is never disturbed".to_owned()),
        "{remarks:?}"
    );
}

#[test]
fn each_target_that_comes_with_the_lab_is_sound_and_finds_what_stands_beside_it() {
    let targets = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    let mut read = 0;
    for folder in std::fs::read_dir(targets).unwrap() {
        let folder = folder.unwrap().path();
        for file in folder.read_dir().into_iter().flatten() {
            let file = file.unwrap().path();
            let is_cargos = file.ends_with("Cargo.toml");
            if is_cargos || file.extension().is_none_or(|ending| ending != "toml") {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            let target =
                Target::read(&text).unwrap_or_else(|bad| panic!("{}: {bad}", file.display()));
            let beside = |program: &Program| match program {
                Program::Command(command) => command.texts()[0].to_string(),
                Program::Image(image) => image.clone(),
            };
            let programs = target.processes.iter().map(|one| beside(&one.program));
            for program in
                programs.filter_map(|one| Some(one.strip_prefix("{{target.dir}}/")?.to_owned()))
            {
                assert!(
                    folder.join(&program).is_file(),
                    "{}: {program}",
                    file.display()
                );
            }
            read += 1;
        }
    }
    assert!(read >= 12, "{read} target files");
}
