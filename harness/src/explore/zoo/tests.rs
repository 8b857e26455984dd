use std::{collections::BTreeSet, path::Path};

use clap::ValueEnum;

use super::*;

#[path = "../../../zoo/bug.rs"]
#[allow(dead_code, reason = "only the names are of interest here")]
mod bug;

fn zoo() -> Zoo {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let zoo = Path::new(env!("CARGO_MANIFEST_DIR")).join("zoo");
    Zoo::open(&zoo, &scenarios).expect("the zoo")
}

#[test]
fn every_mistake_of_the_program_has_a_cage_and_every_cage_a_mistake() {
    let made: BTreeSet<String> = bug::Bug::value_variants()
        .iter()
        .filter_map(|bug| Some(bug.to_possible_value()?.get_name().to_owned()))
        .collect();
    let manifest = zoo().manifest;
    let shown: BTreeSet<String> = manifest.cages.into_iter().map(|cage| cage.bug).collect();
    assert_eq!(made, shown);
    assert!(shown.len() >= 45, "{} mistakes", shown.len());
}

#[test]
fn a_mistake_is_planted_in_its_house_and_a_healthy_outbox_lives_there_without_it() {
    let zoo = zoo();
    let house = House {
        settings: [("ZOO_POLL_MS".to_owned(), "9".to_owned())].into(),
        ..House::default()
    };
    let env = |bug: Option<&str>| -> Vec<toml::Table> {
        let file = zoo.file(&house, bug).expect("a target file");
        let table: toml::Table = toml::from_str(&file).expect("a table");
        let processes = table["process"].as_array().expect("processes").iter();
        let env = processes.map(|process| process["env"].as_table().expect("a table").clone());
        env.collect()
    };
    for env in env(Some("auto-ack")) {
        assert_eq!(
            (env[BUG].as_str(), env["ZOO_POLL_MS"].as_str()),
            (Some("auto-ack"), Some("9"))
        );
    }
    assert!(
        env(None)
            .iter()
            .all(|env| !env.contains_key(BUG) && env.contains_key("ZOO_POLL_MS"))
    );
    let trial = zoo.trial("recovery/broker_back", &house, Some("auto-ack"), 1);
    assert!(trial.expect("a trial").scenario.system.settings.is_empty());
}

#[test]
fn a_story_that_is_not_there_is_an_error() {
    let zoo = zoo();
    let refused = zoo.trial("recovery/nothing", &House::default(), None, 1);
    let said = refused.expect_err("no story").to_string();
    assert_eq!(said, "there is no story \"recovery/nothing\"");
}
