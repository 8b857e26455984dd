//! What a GitHub workflow shows of a suite: an annotation for each run that is not a pass, and a summary of the step.
//!
//! The commands and their escapes are those of "Workflow commands for GitHub Actions". GitHub shows ten errors and ten warnings
//! of a step; the summary has all of them.

use super::{Account, account::sentence, matrix};
use crate::judge::{summary::RunSummary, verdict::Verdict};

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
        found.extend(red(account).map(|run| {
            let title = format!("{}: {} {}", account.target, run.name, run.verdict);
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
    let (said, matrix) = (line(&sentence(accounts)), matrix(accounts));
    let mut text = format!("## Outbox lab: {verdict}\n\n{said}\n\n{matrix}");
    for account in accounts {
        if let Some(why) = &account.not_set_up {
            text.push_str(&format!(
                "\n**{}** could not be set up: {}\n",
                account.target,
                line(why)
            ));
        }
        if let Some(why) = &account.unmet {
            text.push_str(&format!(
                "\n**{}**: vacuous, {}\n",
                account.target,
                line(why)
            ));
        }
        for run in red(account) {
            let (name, verdict, why) = (&run.name, run.verdict, line(&run.reason));
            text.push_str(&format!("\n**{verdict}** `{name}`: {why}\n"));
            text.push_str(&format!("\n```console\n$ {}\n```\n", run.repeat_command));
        }
    }
    text
}

fn red(account: &Account) -> impl Iterator<Item = &RunSummary> {
    let runs = account.runs.iter();
    runs.filter(|run| run.verdict != Verdict::Pass)
}

/// What would end a command, or begin another.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// As one line, in which nothing is markup of HTML.
fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('&', "&amp;").replace('<', "&lt;")
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
            summary.contains("**shop** could not be set up: no Postgres"),
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
}
