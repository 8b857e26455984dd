//! A target that sends in batches rests in between. What breaks for a moment on its way to the broker meets nothing then: it
//! is told the same story more slowly.

use std::time::Duration;

use crate::ask::{
    fault::{self, Fault, Role, Server},
    lasting::Lasting,
    moment::Moment,
    pace::Pace,
    scenario::Scenario,
};

/// Nobody waits for a story that is longer than this many times itself.
const MOST: u32 = 8;

/// Makes each of a story's times so many times as long that no fault on the way to the broker is over while the target rests.
/// How many times, if it is not once.
pub(super) fn stretch(scenario: &mut Scenario, faults: &[Fault], rests: Duration) -> Option<u32> {
    let pace = scenario.pace().ok()?;
    let Pace::Rate { per_second, span } = pace else {
        return None;
    };
    let shortest = faults
        .iter()
        .filter_map(|fault| lasting(fault, span))
        .min()?;
    let times = rests.as_millis().div_ceil(shortest.as_millis().max(1));
    let times = u32::try_from(times).unwrap_or(MOST).min(MOST);
    if times < 2 {
        return None;
    }
    // As many writes as before.
    let slower = (per_second / times).max(1);
    let longer = (pace.writes() as u64 * 1000).div_ceil(u64::from(slower));
    let longer = humantime::format_duration(Duration::from_millis(longer));
    scenario.workload.writes = format!("{slower}/s for {}", longer.to_string().replace(' ', ""));
    for written in &mut scenario.faults {
        for time in [&mut written.at, &mut written.lasts].into_iter().flatten() {
            // "ever" is no time, and stays.
            if let Ok(read) = humantime::parse_duration(time) {
                *time = humantime::format_duration(read * times)
                    .to_string()
                    .replace(' ', "");
            }
        }
    }
    Some(times)
}

/// How long a fault between relay and broker is in place, of a workload of this span.
fn lasting(fault: &Fault, span: Duration) -> Option<Duration> {
    let fault::Target::Edge { from, to } = &fault.target else {
        return None;
    };
    if from.role != Role::Relay || to.role != Role::Server(Server::RabbitMq) {
        return None;
    }
    match (fault.lasting, &fault.moment) {
        (Lasting::For(lasts), _) => Some(lasts),
        (Lasting::Workload, Moment::At(at)) => Some(span.saturating_sub(*at)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretched(rests: &str) -> (Scenario, Option<u32>) {
        let text = "story = ''\nworkload = { keys = 1, writes = '40/s for 3s' }\n\
            [[fault]]\nedge = 'relay -> rabbitmq'\ndo = 'cut'\nat = '500ms'\nfor = '2s'\n\
            [[fault]]\nprocess = 'relay'\ndo = 'kill'\nat = '1s'\nfor = '100ms'\n";
        let mut scenario: Scenario = toml::from_str(text).expect("a story");
        let faults = Fault::all(&scenario).expect("faults");
        let rests = humantime::parse_duration(rests).expect("a time");
        let times = stretch(&mut scenario, &faults, rests);
        (scenario, times)
    }

    #[test]
    fn all_times_of_a_story_grow_alike_and_as_much_is_written() {
        let (scenario, times) = stretched("5s");
        assert_eq!(times, Some(3));
        let pace = Pace::parse(&scenario.workload.writes).expect("a pace");
        assert_eq!(pace.writes(), 120);
        let told = Fault::all(&scenario).expect("faults");
        assert_eq!(told[0].lasting, Lasting::For(Duration::from_secs(6)));
        assert_eq!(scenario.faults[0].at.as_deref(), Some("1s500ms"));
        assert_eq!(scenario.faults[1].lasts.as_deref(), Some("300ms"));
    }

    #[test]
    fn a_story_that_is_slow_enough_stays_as_it_is() {
        let (scenario, times) = stretched("2s");
        assert_eq!(
            (times, scenario.workload.writes.as_str()),
            (None, "40/s for 3s")
        );
    }
}
