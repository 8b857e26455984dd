//! What is refused when a scenario file is read, before anything runs: what could not happen, or could not mean anything.

use anyhow::{Context, Result, anyhow};

use crate::{
    ask::fault::Fault,
    ask::pace::Pace,
    ask::scenario::{OWN, Plan, Scenario, System, Workload},
    ask::spelling::did_you_mean,
    ask::written::Written,
    judge::facts,
};

/// Something in a scenario file that cannot be meant.
struct Unsound {
    /// Such as `fault.0.edge`.
    path: String,
    /// What was found, and what would be right.
    problem: String,
}

/// Reads a scenario file's text, with the plan that stands beside it.
pub(super) fn scenario(text: &str, plan: Option<Plan>) -> Result<Scenario> {
    let written = Written::parse(text).map_err(worded)?;
    let located = |unsound: Unsound| {
        let line = written.line(&unsound.path);
        anyhow!("line {line}: {}", unsound.problem)
    };
    shape(&written).map_err(located)?;
    let mut scenario: Scenario = toml::from_str(text).map_err(worded)?;
    scenario.plan = plan;
    meaning(&scenario).map_err(located)?;
    Ok(scenario)
}

/// The reader of TOML ends what it says with a line break.
fn worded(error: toml::de::Error) -> anyhow::Error {
    anyhow!("{}", error.to_string().trim_end())
}

/// What the reader of TOML could only complain of in its own words.
fn shape(written: &Written<'_>) -> Result<(), Unsound> {
    if written.value("plan").is_some() {
        return Err(Unsound {
            path: "plan".to_owned(),
            problem:
                "operations are not written here; they stand beside the file, in NAME.plan.json"
                    .to_owned(),
        });
    }
    let faults = match written.value("fault") {
        None => 0,
        Some(faults) => faults
            .as_array()
            .map(|faults| faults.len())
            .ok_or(Unsound {
                path: "fault".to_owned(),
                problem: "found one [fault]; each fault is an item of a list, write [[fault]]"
                    .to_owned(),
            })?,
    };
    let facts_and = |others: &[&'static str]| {
        let facts = facts::names().map(|(name, _)| name);
        facts.chain(others.iter().copied()).collect::<Vec<_>>()
    };
    for (table, others) in [("bites", &[][..]), ("expect", &["recovered_within"][..])] {
        for key in written.keys(table) {
            if others.contains(&key) || facts::known(key, faults).is_ok() {
                continue;
            }
            return Err(Unsound {
                path: format!("{table}.{key}"),
                problem: format!(
                    "[{table}] names {key:?}, which is no fact{} (`cargo lab list --facts` prints them all)",
                    did_you_mean(key, facts_and(others))
                ),
            });
        }
    }
    Ok(())
}

fn meaning(scenario: &Scenario) -> Result<(), Unsound> {
    settings(&scenario.system)?;
    workload(&scenario.workload)?;
    planned(scenario)?;
    if let Some((key, problem)) = scenario
        .own
        .problem(scenario.workload.keys, scenario.workload.again)
    {
        let path = format!("{OWN}.{key}");
        return Err(Unsound { path, problem });
    }
    Fault::all(scenario).map_err(|bad| Unsound {
        path: format!("fault.{}.{}", bad.number - 1, bad.key),
        problem: bad.to_string(),
    })?;
    humantime::parse_duration(&scenario.expect.recovered_within)
        .context("recovered_within is no duration such as 5s")
        .map_err(|error| Unsound {
            path: "expect.recovered_within".to_owned(),
            problem: format!("{error:#}"),
        })?;
    Ok(())
}

/// A setting that nobody reads would leave everything as shipped, and say nothing; with one that is refused nothing would start.
fn settings(system: &System) -> Result<(), Unsound> {
    let known = outbox_service::settings();
    let known: Vec<&str> = known.iter().filter_map(|name| name.to_str()).collect();
    let is_known = |name: &String| known.contains(&name.as_str());
    let Some(name) = system.settings.keys().find(|name| !is_known(name)) else {
        let set = system.settings.iter();
        let set = set.map(|(name, value)| (name.as_str(), value.as_str()));
        return match outbox_service::refused(set) {
            None => Ok(()),
            Some(why) => Err(Unsound {
                path: "system.settings".to_owned(),
                problem: format!("the service would not start: {why}"),
            }),
        };
    };
    let whole = match name.starts_with("OUTBOX_") {
        true => name.clone(),
        false => format!("OUTBOX_{name}"),
    };
    Err(Unsound {
        path: format!("system.settings.{name}"),
        problem: format!(
            "the service has no setting {name:?}{} (`outbox-service relay --help` and its like tell them)",
            did_you_mean(&whole, known)
        ),
    })
}

/// A plan and what the file says of it belong together.
fn planned(scenario: &Scenario) -> Result<(), Unsound> {
    let pace = scenario.pace();
    let problem = match (pace, &scenario.plan) {
        (Ok(Pace::Planned(_)), None) => {
            "the operations are planned, and no plan stands beside the file: NAME.plan.json beside NAME.toml".to_owned()
        }
        (Ok(Pace::Planned(said)), Some(plan)) if said != plan.operations.len() => format!(
            "{said} operations are planned, and the plan beside the file has {}",
            plan.operations.len()
        ),
        (Ok(Pace::Rate { .. } | Pace::AtOnce(_)), Some(plan)) => format!(
            "a plan stands beside the file; write writes = \"{} planned\"",
            plan.operations.len()
        ),
        _ => return Ok(()),
    };
    Err(Unsound {
        path: "workload.writes".to_owned(),
        problem,
    })
}

fn workload(workload: &Workload) -> Result<(), Unsound> {
    let unsound = |key: &str, problem: String| {
        Err(Unsound {
            path: format!("workload.{key}"),
            problem,
        })
    };
    if let Err(bad) = Pace::parse(&workload.writes) {
        return unsound("writes", bad.to_string());
    }
    if workload.keys == 0 {
        let problem = "keys = 0: there is nothing to write to; write 1 or more";
        return unsound("keys", problem.to_owned());
    }
    if workload.copies == 0 {
        let problem = "copies = 0: nothing would be sent; write 1 (the default) or more";
        return unsound("copies", problem.to_owned());
    }
    if workload.hot_percent > 100 {
        let percent = workload.hot_percent;
        let problem = format!("hot_percent = {percent}: a share is at most 100");
        return unsound("hot_percent", problem);
    }
    if workload.again > 100 {
        let percent = workload.again;
        let problem = format!("again = {percent}: a share is at most 100");
        return unsound("again", problem);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::scenario::Operation;

    const SOUND: &str = r#"story = "s"

[workload]
keys = 4
writes = "10/s for 2s"
again = 50

[[fault]]
edge = "relay -> rabbitmq"
do = "cut"
at = "1s"

[[fault]]
process = "relay"
do = "kill"
at = "1s"

[bites]
fault_2_bites = ">= 1"

[expect]
recovered_within = "5s"
"#;

    fn refused(from: &str, to: &str) -> String {
        assert!(
            SOUND.contains(from),
            "{from:?} is not in the sound scenario"
        );
        let unsound = SOUND.replacen(from, to, 1);
        format!("{:#}", scenario(&unsound, None).expect_err(to))
    }

    #[track_caller]
    fn says(from: &str, to: &str, line: usize, words: &str) {
        let said = refused(from, to);
        assert!(said.starts_with(&format!("line {line}: ")), "{said}");
        assert!(said.contains(words), "{said}");
    }

    #[test]
    fn what_could_not_happen_is_refused_with_its_line() {
        scenario(SOUND, None).expect("a sound scenario");
        says("keys = 4", "keys = 0", 4, "keys = 0");
        says("10/s for 2s", "fast", 5, "no pace");
        says("again = 50", "again = 101", 6, "again = 101");
        says("again =", "copies = 0\nagain =", 6, "copies = 0");
        says(
            "again =",
            "hot_percent = 101\nagain =",
            6,
            "hot_percent = 101",
        );
        says("relay ->", "relay 9 ->", 9, "there is no \"relay 9\"");
        says("rabbitmq", "rabbitmq 2", 9, "names nothing");
        says("\"cut\"", "\"latency 0ms\"", 10, "latency of 0");
        says("at = \"1s\"", "at = \"60s\"", 11, "fault 1: at = 60s");
        says("at = \"1s\"", "at = \"1s\"\nfor = \"0s\"", 12, "no time");
        says("\"relay\"", "\"relays\"", 14, "did you mean \"relay\"");
        says("\"5s\"", "\"soon\"", 22, "no duration");
    }

    #[test]
    fn what_its_own_target_could_not_be_asked_for_is_refused_with_its_line() {
        let own = |key: &str| format!("again = 50\n\n[{OWN}]\n{key}");
        scenario(&SOUND.replacen("again = 50", &own("too_low = 50"), 1), None).expect("sound");
        says("again = 50", &own("too_low = 70"), 9, "120 percent");
        says("again = 50", &own("closing = \"soon\""), 9, "says no time");
        says("again = 50", &own("followers = 5"), 9, "there are 4");
    }

    #[test]
    fn a_setting_that_the_service_does_not_have_is_refused() {
        let system =
            |name: &str| format!("[system]\nsettings = {{ {name} = \"1\" }}\n\n[workload]");
        let known = SOUND.replacen("[workload]", &system("OUTBOX_WINDOW"), 1);
        scenario(&known, None).expect("a setting that is there");
        let (from, to) = ("[workload]", system("WINDOW"));
        says(from, &to, 4, "did you mean \"OUTBOX_WINDOW\"");
    }

    #[test]
    fn what_is_planned_stands_beside_and_is_as_much_as_the_file_says() {
        let plan = || Plan {
            operations: vec![Operation::at(0, 1, 1), Operation::at(1500, 1, 2)],
            own: None,
        };
        let written = |writes: &str| SOUND.replacen("10/s for 2s", writes, 1);
        let said = |writes: &str, plan: Option<Plan>| {
            format!("{:#}", scenario(&written(writes), plan).expect_err(writes))
        };
        let read = scenario(&written("2 planned"), Some(plan())).expect("sound");
        assert_eq!(read.plan, Some(plan()));
        assert!(said("2 planned", None).starts_with("line 5: the operations are planned"));
        assert!(said("3 planned", Some(plan())).contains("has 2"));
        assert!(said("10/s for 2s", Some(plan())).contains("\"2 planned\""));
        let mut short = plan();
        short.operations[1].at_ms = 900;
        assert!(said("2 planned", Some(short)).contains("at = 1s"));
        says("[bites]", "[plan]\na = 1\n[bites]", 18, "NAME.plan.json");
    }

    #[test]
    fn one_fault_in_single_brackets_is_told_how_to_be_a_list() {
        let first = SOUND.split("\n[[fault]]\nprocess").next().expect("a part");
        let single = first.replace("[[fault]]", "[fault]");
        let said = format!("{:#}", scenario(&single, None).expect_err("one table"));
        assert_eq!(
            said,
            "line 8: found one [fault]; each fault is an item of a list, write [[fault]]"
        );
    }

    #[test]
    fn a_name_that_is_no_fact_is_answered_with_the_one_that_was_meant() {
        let (bites, within) = ("fault_2_bites", "recovered_within");
        says(bites, "fault_3_bites", 19, "no fact");
        says(bites, "accpted", 19, "did you mean \"accepted\"");
        says(
            within,
            "recoverd_within",
            22,
            "did you mean \"recovered_within\"",
        );
        let said = refused(within, "weather");
        assert!(!said.contains("did you mean"), "{said}");
    }

    #[test]
    fn a_key_that_does_not_exist_is_refused_with_its_line_and_what_there_is() {
        let said = refused("do = \"cut\"", "does = \"cut\"");
        assert!(said.contains("line 10") && said.contains("`do`"), "{said}");
    }
}
