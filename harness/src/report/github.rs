//! What a GitHub workflow shows of a suite: an annotation for each run that is not a pass, and a summary of the step.
//!
//! The commands and their escapes are those of "Workflow commands for GitHub Actions". GitHub shows ten errors and ten warnings
//! of a step; the summary has more of them.

use super::{
    Account,
    account::{named_runs, sentence},
    matrix::{matrix, plain},
};
use crate::judge::{summary::RunSummary, verdict::Verdict};

/// So many runs stand in a summary, which GitHub takes up to 1 MiB of.
const TOLD: usize = 50;

/// A workflow command a line, the worst first. Empty where all is well.
pub fn annotations(accounts: &[Account]) -> String {
    let mut found: Vec<(Verdict, String, &str)> = Vec::new();
    for account in accounts {
        let whole =
            |verdict, what: &str, why| (verdict, format!("{}: {what}", account.target), why);
        if let Some(why) = account.not_set_up.as_deref() {
            found.push(whole(Verdict::Error, "could not be set up", why));
        }
        if let Some(why) = account.unmet.as_deref() {
            found.push(whole(
                Verdict::Vacuous,
                "the suite proves less than it says",
                why,
            ));
        }
        if account.runs.is_empty() && account.not_set_up.is_none() {
            let why = account
                .not_run
                .first()
                .map_or("no story fits it", |not| &not.why);
            found.push(whole(Verdict::Error, "nothing was run", why));
        }
        found.extend(red(account, true).map(|(name, run)| {
            let title = format!("{name} {}", run.verdict);
            (run.verdict, title, run.reason.as_str())
        }));
    }
    found.sort_by_key(|(verdict, ..)| std::cmp::Reverse(*verdict));
    let lines = found.into_iter().map(|(verdict, title, why)| {
        let level = match verdict {
            Verdict::Fail | Verdict::Error => "error",
            Verdict::Pass | Verdict::Vacuous | Verdict::Unknown => "warning",
        };
        let title = data(&title).replace(':', "%3A").replace(',', "%2C");
        format!("::{level} title={title}::{}\n", data(why))
    });
    lines.collect()
}

/// What the step's page says, in Markdown: the verdict in a sentence, the matrix, and each run that is not a pass with how to
/// repeat it.
pub fn step_summary(accounts: &[Account]) -> String {
    let verdict = Verdict::worst(accounts.iter().map(Account::verdict));
    let (said, matrix) = (plain(&sentence(accounts)), matrix(accounts));
    let mut text = format!("## Outbox lab: {verdict}\n\n{said}\n\n{matrix}");
    for account in accounts {
        if let Some(why) = &account.unmet {
            let (target, why) = (&account.target, plain(why));
            text.push_str(&format!("\n**{target}**: vacuous, {why}\n"));
        }
    }
    let red: Vec<_> = accounts
        .iter()
        .flat_map(|account| red(account, accounts.len() > 1))
        .collect();
    for (name, run) in red.iter().take(TOLD) {
        let (verdict, why, again) = (run.verdict, plain(&run.reason), &run.repeat_command);
        text.push_str(&format!(
            "\n**{verdict}** `{name}`: {why}\n\n```console\n$ {again}\n```\n"
        ));
    }
    if let Some(more) = red.len().checked_sub(TOLD).filter(|more| *more > 0) {
        text.push_str(&format!("\nand {more} more that are not a pass\n"));
    }
    text
}

/// Not a pass, by name.
fn red(account: &Account, several: bool) -> impl Iterator<Item = (String, &RunSummary)> {
    let runs = named_runs(account, several);
    runs.filter(|(_, run)| run.verdict != Verdict::Pass)
}

/// What would end a command, or begin another.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{account, run as any};

    fn run(name: &str, verdict: Verdict, reason: &str) -> RunSummary {
        RunSummary {
            reason: reason.to_owned(),
            repeat_command: format!("cargo lab run {name}"),
            ..any(name, verdict)
        }
    }

    #[test]
    fn a_green_suite_is_not_annotated_and_its_summary_says_how_many_passed() {
        let green = [account(&[run("a/b", Verdict::Pass, "all pass")])];
        assert_eq!(annotations(&green), "");
        let summary = step_summary(&green);
        assert!(
            summary.starts_with("## Outbox lab: pass\n\n1 of 1 runs passed.\n"),
            "{summary}"
        );
        assert!(summary.contains("| `a/b` | pass |"), "{summary}");
        assert!(!summary.contains("console"), "{summary}");
    }

    #[test]
    fn errors_come_before_warnings_and_nothing_in_them_is_taken_for_a_command() {
        let runs = vec![
            run("a/b", Verdict::Vacuous, "nothing bit"),
            run("c/d", Verdict::Fail, "loss: 100% lost\n::warning::of all"),
        ];
        assert_eq!(
            annotations(&[account(&runs)]),
            "::error title=shop%3A c/d fail::loss: 100%25 lost%0A::warning::of all\n\
             ::warning title=shop%3A a/b vacuous::nothing bit\n"
        );
    }

    #[test]
    fn a_target_that_could_not_be_set_up_is_an_error_of_its_own() {
        let broken = [Account {
            not_set_up: Some("no Postgres".to_owned()),
            unmet: Some("no run has met a takeover".to_owned()),
            ..account(&[])
        }];
        assert_eq!(
            annotations(&broken),
            "::error title=shop%3A could not be set up::no Postgres\n\
             ::warning title=shop%3A the suite proves less than it says::no run has met a takeover\n"
        );
        let summary = step_summary(&broken);
        assert!(summary.starts_with("## Outbox lab: error"), "{summary}");
        assert!(
            summary.contains("shop could not be set up: no Postgres"),
            "{summary}"
        );
    }

    #[test]
    fn each_red_run_is_told_with_its_reason_and_how_to_repeat_it() {
        let red = [account(&[run("c/d", Verdict::Fail, "loss:\n<b>lost</b>")])];
        let summary = step_summary(&red);
        let told =
            "**fail** `c/d`: loss: &lt;b>lost&lt;/b>\n\n```console\n$ cargo lab run c/d\n```\n";
        assert!(summary.ends_with(told), "{summary}");
    }

    #[test]
    fn a_target_of_which_nothing_was_run_is_not_passed_over() {
        let none = [account(&[])];
        assert_eq!(
            annotations(&none),
            "::error title=shop%3A nothing was run::no story fits it\n"
        );
    }

    #[test]
    fn a_summary_has_a_bound_and_says_what_is_beyond_it() {
        let runs: Vec<RunSummary> = (0..TOLD + 3)
            .map(|number| run(&format!("c/{number}"), Verdict::Fail, "lost"))
            .collect();
        let summary = step_summary(&[account(&runs)]);
        assert_eq!(summary.matches("console").count(), TOLD);
        assert!(
            summary.ends_with("\nand 3 more that are not a pass\n"),
            "{summary}"
        );
    }
}
