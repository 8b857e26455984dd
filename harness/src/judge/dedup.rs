//! Each operation takes effect exactly once, however often its event is delivered.

use std::collections::HashMap;

use crate::history::{History, Last};
use crate::judge::basis::{Unjudgeable, last, scenario, shown, subject};
use crate::judge::facts::Facts;
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::{Finding, Verdict};

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let subject = subject(history)?;
    shown(
        subject.shows.effects,
        "how often something took effect cannot be seen: there is no [effects], or no process plays consumer",
    )?;
    let scenario = scenario(history)?;
    let mut inquiry = Inquiry::new("dedup");
    at_most_once(&mut inquiry, last, subject.promises.once);
    at_least_once(&mut inquiry, history, last, subject.shows.stored);
    let copies = Facts::of(history).get("deliveries_again", scenario.faults.len())?;
    inquiry.count(
        "copies absorbed",
        usize::try_from(copies).unwrap_or(usize::MAX),
    );
    if copies == 0 && scenario.bites.contains_key("deliveries_again") {
        let example = "the scenario is about copies, and there were none".to_owned();
        inquiry.object(
            Verdict::Vacuous,
            "runs about copies without a copy",
            example,
        );
    }
    let looked_at = last.tables.stored.len().max(last.tables.effects.len());
    Ok(inquiry.conclude(looked_at, "operations"))
}

fn at_most_once(inquiry: &mut Inquiry, last: Last<'_>, promised: bool) {
    let mut times: HashMap<_, u64> = HashMap::new();
    let mut rows: HashMap<_, u64> = HashMap::new();
    for effect in &last.tables.effects {
        *times.entry(effect.item.id).or_default() += effect.times;
        *rows.entry(effect.item.id).or_default() += 1;
    }
    for (id, times) in times {
        // Twice in the table is twice received, whether it has taken effect or not.
        let twice = times > 1 || rows.get(&id).is_some_and(|rows| *rows > 1);
        if !twice {
            continue;
        }
        if promised {
            let example = format!("{id} took effect {times} times");
            inquiry.fail("operations that took effect more than once", example);
        } else {
            inquiry.count("operations that took effect more than once, as promised", 1);
        }
    }
}

fn at_least_once(inquiry: &mut Inquiry, history: &History, last: Last<'_>, stored: bool) {
    let recovered = history.recovered_after_ms().is_some();
    let owed: Vec<_> = match stored {
        true => {
            let rows = last.tables.stored.iter();
            rows.map(|row| (row.id, row.key, row.n)).collect()
        }
        false => {
            let heard = history.deliveries().filter_map(|(_, delivery)| {
                let item = delivery.item.as_ref().ok()?;
                Some((item.id, item.key, item.n))
            });
            heard.collect()
        }
    };
    for (id, key, n) in owed {
        let place = format!("{id} (place {n} of key {key})");
        if last.effect(id).is_some_and(|effect| effect.times > 0) {
            continue;
        } else if last.is_held_back(key, n) {
            inquiry.count("operations held back by an event given up", 1);
        } else if recovered {
            let example = format!("{place} never took effect");
            inquiry.fail("operations that never took effect", example);
        } else {
            let example = format!("{place} has not taken effect yet");
            inquiry.object(Verdict::Unknown, "operations without effect yet", example);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::State;
    use crate::judge::proof::story::{Story, finding, verdict};

    #[test]
    fn a_copy_is_absorbed_or_takes_effect_twice() {
        let mut story = Story::clean();
        story.deliver_again(1);
        let finding = check(&story.history()).expect("a finding");
        assert_eq!(
            (finding.verdict, finding.counts["copies absorbed"]),
            (Verdict::Pass, 1)
        );
        story.change_last(|tables| tables.effects[0].times += 1);
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn a_bid_received_twice_fails() {
        let mut story = Story::clean();
        story.change_last(|tables| tables.effects.push(tables.effects[0].clone()));
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn a_bid_never_applied_fails_once_recovered() {
        let mut story = Story::clean();
        story.change_last(|tables| {
            tables.effects[2].times = 0;
        });
        assert_eq!(verdict(check, &story), Verdict::Fail);
        story.not_recovered();
        assert_eq!(verdict(check, &story), Verdict::Unknown);
    }

    #[test]
    fn a_run_about_copies_without_one_is_vacuous() {
        let mut story = Story::clean();
        story.bites("deliveries_again", ">= 1");
        assert_eq!(verdict(check, &story), Verdict::Vacuous);
        story.deliver_again(2);
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }

    #[test]
    fn received_twice_and_applied_once_is_twice() {
        let mut story = Story::clean();
        story.change_last(|tables| {
            let mut again = tables.effects[0].clone();
            again.times = 0;
            tables.effects.push(again);
        });
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn who_does_not_promise_once_is_not_held_to_it() {
        let mut story = Story::clean();
        story.subject(|subject| subject.promises.once = false);
        story.change_last(|tables| tables.effects[1].times = 2);
        let found = finding(check, &story);
        assert_eq!(found.verdict, Verdict::Pass);
        assert_eq!(
            found.counts["operations that took effect more than once, as promised"],
            1
        );
        story.change_last(|tables| tables.effects[1].times = 0);
        assert_eq!(
            verdict(check, &story),
            Verdict::Fail,
            "at least once is owed"
        );
    }

    #[test]
    fn what_was_stored_or_heard_and_never_received_fails_unless_it_is_held_back() {
        let mut story = Story::clean();
        story.change_last(|tables| tables.effects.truncate(1));
        let mut unseen = story.clone();
        unseen.subject(|subject| subject.shows.stored = false);
        assert_eq!(verdict(check, &unseen), Verdict::Fail);
        assert_eq!(
            finding(check, &story).counts["operations that never took effect"],
            2
        );
        story.change_last(|tables| tables.outbox[1].state = State::GivenUp);
        let found = finding(check, &story);
        assert_eq!(found.verdict, Verdict::Pass);
        assert_eq!(found.counts["operations held back by an event given up"], 2);
        assert_eq!(found.counts["operations"], 3);
    }

    #[test]
    fn effects_that_cannot_be_seen_are_not_judged() {
        let mut story = Story::clean();
        story.subject(|subject| subject.shows.effects = false);
        assert!(matches!(
            check(&story.history()),
            Err(Unjudgeable::NotShown(_))
        ));
    }
}
