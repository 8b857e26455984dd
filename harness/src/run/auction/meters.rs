//! What the processes under test count themselves, read around all edges. A green run says little if the way that it was
//! to try was never taken: that something was refused, returned or left open is seen best by who it happened to.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use futures_util::future::join_all;

use crate::{history::Event, judge::auction::counters::COUNTERS, run::site::Site};

const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// Reads every process that answers. One that is down, frozen or restarting is asked again the next time.
pub(in crate::run) async fn read(site: Site<'_>, http: &reqwest::Client) {
    let members = site.system.members().iter();
    let read = members
        .filter_map(|member| Some((member, member.http()?)))
        .map(|(member, at)| async move { (member.name(), of(at, http).await) });
    for (process, counters) in join_all(read).await {
        if let Ok(counters) = counters {
            site.recorder.record(Event::Counted { process, counters });
        }
    }
}

async fn of(process: SocketAddr, http: &reqwest::Client) -> reqwest::Result<BTreeMap<String, u64>> {
    let url = format!("http://{process}/metrics");
    let asked = http.get(url).timeout(ANSWER_WITHIN).send().await?;
    Ok(parse(&asked.error_for_status()?.text().await?))
}

/// The counters of an OpenMetrics text that are read here. A label that never occurred is not there; its family is, and says
/// that it was counted.
fn parse(text: &str) -> BTreeMap<String, u64> {
    let samples: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .collect();
    let counted = |name: &str| match samples.get(name) {
        Some(value) => value.parse().ok(),
        None => samples.contains_key(family(name).as_str()).then_some(0),
    };
    COUNTERS
        .iter()
        .filter_map(|(_, name)| Some(((*name).to_owned(), counted(name)?)))
        .collect()
}

/// The line that introduces a counter's family, without its type.
fn family(name: &str) -> String {
    let bare = name.split('{').next().unwrap_or_default();
    format!("# TYPE {}", bare.trim_end_matches("_total"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTCOME_UNKNOWN: &str = "bids_refused_total{code=\"outcome_unknown\"}";

    #[test]
    fn counters_are_read_by_their_whole_names() {
        let text = "# TYPE relay_returned counter\nrelay_returned_total 3\nrelay_published_total 9\n\
                    bids_refused_total{code=\"outcome_unknown\"} 2\nbids_refused_total{code=\"bid_too_low\"} 5\n# EOF\n";
        let read = parse(text);
        assert_eq!(read["relay_returned_total"], 3);
        assert_eq!(read[OUTCOME_UNKNOWN], 2);
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn what_never_occurred_is_zero_where_its_family_is_counted() {
        let text = "# TYPE bids_refused counter\n# EOF\n";
        assert_eq!(
            parse(text),
            BTreeMap::from([(OUTCOME_UNKNOWN.to_owned(), 0)])
        );
    }
}
