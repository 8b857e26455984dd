//! A scenario in a sentence: what is asked for, what breaks, and nothing that the run does not do.

use crate::ask::scenario::{Fault, Scenario, When};

/// The story of a scenario that nobody has written by hand.
pub fn story(scenario: &Scenario) -> String {
    let operations = match scenario.pace() {
        Ok(pace) => pace.writes(),
        Err(_) => 0,
    };
    let keys = match &scenario.plan {
        Some(plan) => plan.keys().len(),
        None => scenario.workload.keys as usize,
    };
    let asked = format!(
        "{} of {} {} asked for",
        counted(operations, "operation"),
        counted(keys, "key"),
        if operations == 1 { "is" } else { "are" },
    );
    let faults: Vec<String> = scenario.faults.iter().map(fault).collect();
    match faults.as_slice() {
        [] => format!("{asked}, and nothing breaks: what is promised holds."),
        faults => format!(
            "{asked}. {}. What is promised holds all the same.",
            faults.join("; ")
        ),
    }
}

/// A fault in a few words: `relay -> rabbitmq: cut, at 500ms, for 1s`.
pub fn fault(fault: &Fault) -> String {
    let mut told = format!("{}: {}", fault.on(), fault.action);
    match (&fault.when, &fault.at) {
        (Some(When::State(state)), _) => told += &format!(", when {state}"),
        (Some(When::Message(message)), _) => {
            let side = message.side.as_deref().filter(|side| *side == "after");
            told += &format!(", {} ", side.unwrap_or("at"));
            if message.nth > 1 {
                told += &format!("no. {} ", message.nth);
            }
            told += &message.event;
            if let Some(edge) = message
                .edge
                .as_ref()
                .filter(|edge| fault.edge.as_ref() != Some(edge))
            {
                told += &format!(" on {edge}");
            }
            if message.times > 1 {
                told += &format!(" and {} more", message.times - 1);
            }
        }
        (None, Some(at)) => told += &format!(", at {at}"),
        (None, None) => {}
    }
    match &fault.lasts {
        Some(lasts) => told + ", for " + lasts,
        None => told,
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_says_what_is_asked_for_and_what_breaks() {
        let text = "story = ''\nworkload = { keys = 4, writes = '20/s for 2s' }\n\
            [[fault]]\nedge = 'relay -> rabbitmq'\ndo = 'cut'\nat = '500ms'\nfor = '1s'\n\
            [[fault]]\nprocess = 'consumer'\ndo = 'kill'\n\
            when = { edge = 'consumer -> postgres', event = 'committed', nth = 3 }\n";
        let mut scenario: Scenario = toml::from_str(text).expect("a scenario");
        assert_eq!(
            story(&scenario),
            "40 operations of 4 keys are asked for. relay -> rabbitmq: cut, at 500ms, for 1s; consumer: kill, at no. 3 \
             committed on consumer -> postgres. What is promised holds all the same."
        );
        scenario.faults.clear();
        scenario.workload.writes = "1 at once".to_owned();
        scenario.workload.keys = 1;
        let told = story(&scenario);
        assert_eq!(
            told,
            "1 operation of 1 key is asked for, and nothing breaks: what is promised holds."
        );
    }
}
