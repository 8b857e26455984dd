use super::*;

fn parsed(args: &[&str]) -> Result<Cli, clap::Error> {
    let program = ["outbox-service"].iter().chain(args);
    parse(program.map(OsString::from))
}

fn refused(args: &[&str]) -> String {
    let error = parsed(args).expect_err("refused");
    assert_eq!(error.exit_code(), 2, "{error}");
    error.to_string()
}

/// Every role with every flag that takes a value.
fn flags() -> Vec<(String, clap::Arg)> {
    let mut command = Cli::command();
    command.build();
    let roles = command
        .get_subcommands()
        .filter(|role| role.get_name() != "help");
    let flags = roles.flat_map(|role| {
        let flags = role
            .get_arguments()
            .filter(|arg| arg.get_action().takes_values());
        flags.map(|arg| (role.get_name().to_owned(), arg.clone()))
    });
    flags.collect()
}

/// The bounds in a help text, as in "1 to 10000".
fn range(help: &str) -> Option<(i64, i64)> {
    let words: Vec<&str> = help.split(|sign: char| !sign.is_alphanumeric()).collect();
    words.windows(3).find_map(|words| {
        let bounds = (words[0].parse().ok()?, words[2].parse().ok()?);
        (words[1] == "to").then_some(bounds)
    })
}

#[test]
fn a_number_says_its_range_and_is_refused_outside_it() {
    let mut numbers = 0;
    for (role, flag) in flags() {
        let default = flag.get_default_values().first();
        let default = default.and_then(|value| value.to_str()?.parse::<i64>().ok());
        if default.is_none() {
            continue;
        }
        numbers += 1;
        let name = flag.get_long().expect("a long flag");
        let help = flag.get_help().expect("a help text").to_string();
        let (least, most) =
            range(&help).unwrap_or_else(|| panic!("--{name} says no range: {help}"));
        let with = |value: i64| {
            let value = format!("--{name}={value}");
            match role.as_str() {
                "requeue" => parsed(&[&role, "--all", &value]),
                _ => parsed(&[&role, &value]),
            }
        };
        // At its bounds one may contradict another setting, which is not what is asked here.
        let taken = |value| match with(value) {
            Ok(_) => true,
            Err(error) => error.to_string().contains("more than half of"),
        };
        assert!(taken(least) && taken(most), "{role} --{name}: {help}");
        for beyond in [least - 1, most + 1] {
            let error = with(beyond).expect_err(name);
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    assert!(numbers > 30, "{numbers}");
}

#[test]
fn a_role_has_its_own_settings_and_refuses_others() {
    assert!(parsed(&["relay", "--window", "5"]).is_ok());
    assert!(refused(&["relay", "--prefetch", "5"]).contains("--prefetch"));
    assert!(refused(&["api", "--amqp-url", "amqp://localhost"]).contains("--amqp-url"));
    assert!(refused(&["migrate", "--http-addr", "127.0.0.1:0"]).contains("--http-addr"));
    let all = parsed(&[
        "all",
        "--prefetch",
        "5",
        "--window",
        "5",
        "--max-live-streams",
        "5",
    ]);
    assert!(all.is_ok());
}

#[test]
fn every_variable_carries_the_programs_name_or_is_everybodys() {
    for name in settings() {
        let name = name.to_str().expect("plain text");
        let everybodys = ["DATABASE_URL", "AMQP_URL", "RUST_LOG"].contains(&name);
        assert!(everybodys || name.starts_with("OUTBOX_"), "{name}");
    }
    for (role, flag) in flags() {
        let operators = ["auction", "event"].contains(&flag.get_id().as_str());
        assert!(flag.get_env().is_some() || operators, "{role} {flag}");
    }
}

#[test]
fn a_name_that_the_broker_would_not_take_is_refused() {
    let long = |bytes| "q".repeat(bytes);
    assert!(parsed(&["relay", "--queue", &long(250)]).is_ok());
    assert!(refused(&["relay", "--queue", &long(251)]).contains("251 bytes"));
    assert!(parsed(&["relay", "--exchange", &long(255)]).is_ok());
    assert!(refused(&["relay", "--exchange", &long(256)]).contains("256 bytes"));
    assert!(refused(&["consumer", "--queue", ""]).contains("empty"));
    assert!(refused(&["consumer", "--exchange", "amq.fanout"]).contains("the broker's own"));
}

#[test]
fn a_confirm_must_not_be_waited_for_longer_than_half_the_lease() {
    let said = refused(&["relay", "--lease-ms", "1000", "--confirm-timeout-ms", "501"]);
    assert!(
        said.contains("--confirm-timeout-ms 501 is more than half of --lease-ms 1000"),
        "{said}"
    );
    assert!(parsed(&["all", "--lease-ms", "1000", "--confirm-timeout-ms", "500"]).is_ok());
}

#[test]
fn a_filter_that_is_none_is_refused() {
    assert!(refused(&["relay", "--log", "outbox=loud"]).contains("--log"));
}

#[test]
fn exactly_one_kind_of_failed_events_is_put_back() {
    assert!(parsed(&["requeue", "--all"]).is_ok());
    assert!(refused(&["requeue"]).contains("--all"));
    let auction = Uuid::from_u128(7).to_string();
    assert!(refused(&["requeue", "--all", "--auction", &auction]).contains("--all"));
}

#[test]
fn settings_are_refused_as_a_process_would_refuse_them() {
    let refused = |settings: &[(&str, &str)]| super::refused(settings.iter().copied());
    assert_eq!(
        refused(&[("OUTBOX_WINDOW", "7"), ("OUTBOX_LEASE_MS", "9000")]),
        None
    );
    let none = refused(&[("OUTBOX_WINDOW", "0")]).expect("refused");
    assert!(none.contains("invalid value '0' for '--window"), "{none}");
    assert_eq!(
        refused(&[("OUTBOX_WINDOW", "")]),
        None,
        "it counts as unset"
    );
    let address = refused(&[("AMQP_URL", "http://here")]).expect("refused");
    assert!(address.contains("--amqp-url"), "{address}");
    let silent = refused(&[("OUTBOX_LEASE_MS", "3000")]).expect("refused");
    assert!(
        silent.contains("more than half of --lease-ms 3000"),
        "{silent}"
    );
}
