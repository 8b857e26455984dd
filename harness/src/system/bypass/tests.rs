use super::*;

fn seen(name: &str, owner: Option<&str>) -> Seen {
    Seen {
        from: "127.0.0.1:40000".to_owned(),
        name: name.to_owned(),
        is_ours: false,
        owner: owner.map(str::to_owned),
    }
}

fn ours() -> Seen {
    Seen {
        is_ours: true,
        ..seen("lab witness", None)
    }
}

#[test]
fn what_came_over_edges_and_what_is_the_lab_s_is_as_it_should_be() {
    let all = [seen("relay", None), seen("consumer", None), ours()];
    assert_eq!(around(Server::RabbitMq, &all, 2), None);
    // One that an edge has lost a moment ago.
    assert_eq!(around(Server::RabbitMq, &all[..1], 2), None);
}

#[test]
fn of_several_that_are_alike_one_may_have_nothing_to_do() {
    let sent = |kind, process, edge, bytes| Sent {
        kind,
        process,
        edge,
        bytes,
    };
    let found = |all: &[Sent<'_>]| unused(all).map(|sent| (sent.process.to_owned(), sent.edge));
    let idle = sent("relay", "relay 1", "stomp", 0);
    assert_eq!(found(&[idle, sent("relay", "relay 2", "stomp", 9)]), None);
    let busy = sent("relay", "relay 1", "stomp", 9);
    let api = sent("api", "api 1", "postgres", 0);
    assert_eq!(found(&[busy, api]), Some(("api 1".to_owned(), "postgres")));
    let idle = sent("relay", "relay 1", "stomp", 0);
    let other = sent("relay", "relay 1", "postgres", 9);
    assert_eq!(found(&[idle, other]), Some(("relay 1".to_owned(), "stomp")));
}

#[test]
fn a_process_that_is_connected_to_the_server_itself_is_found_before_the_server_says_so() {
    let at = "127.0.0.1:5672".parse().unwrap();
    let ends = |remote: &str| Ends {
        local: 40_000,
        remote: remote.parse().unwrap(),
    };
    let owners = |remote: &str| Owners::from([(ends(remote), "relay 1".to_owned())]);
    assert_eq!(
        direct(Server::RabbitMq, at, &owners("127.0.0.1:40001")),
        None
    );
    let other = owners("10.0.0.7:5672");
    assert_eq!(
        direct(Server::RabbitMq, at, &other),
        None,
        "of another machine"
    );
    let said = direct(Server::RabbitMq, at, &owners("127.0.0.1:5672"));
    let said = said.unwrap().to_string();
    assert!(
        said.starts_with("relay 1 goes around its edge to RabbitMQ: its port 40000 is connected"),
        "{said}"
    );
}

#[test]
fn a_connection_of_a_process_to_the_server_itself_is_named() {
    let all = [seen("relay", None), seen("pika", Some("relay 1")), ours()];
    let said = around(Server::RabbitMq, &all, 5).unwrap().to_string();
    assert_eq!(
        said,
        "relay 1 goes around its edge to RabbitMQ: \"pika\" from 127.0.0.1:40000; an address is written somewhere in its configuration, have it told {{rabbitmq.url}} or its parts"
    );
}

#[test]
fn more_connections_than_the_edges_carry_are_told_with_all_that_are_there() {
    let all = [seen("relay", None), seen("", None), ours()];
    let said = around(Server::Postgres, &all, 1).unwrap().to_string();
    assert!(
        said.starts_with("Postgres has 2 connections beside the lab's, and 1 came over edges"),
        "{said}"
    );
    assert!(
        said.contains("one without a name from 127.0.0.1:40000"),
        "{said}"
    );
}
