use std::path::Path;

use super::*;
use crate::judge::{check::all, proof::story::Story};
use crate::report::{NotRun, tests::account};

fn summary(story: &Story) -> RunSummary {
    let history = story.history();
    let again = "lab run test/story".to_owned();
    RunSummary::new(&history, &all(&history), Path::new("runs/1"), again)
}

#[test]
fn the_same_runs_make_the_same_page() {
    let made = || page(&[account(&[summary(&Story::clean())])]);
    assert_eq!(made(), made());
}

#[test]
fn a_page_fetches_nothing_and_runs_nothing() {
    let mut lost = Story::clean();
    lost.swap_deliveries(1, 2);
    lost.lose_delivery(3);
    let page = page(&[account(&[summary(&lost), summary(&Story::clean())])]);
    assert!(page.contains("The way of operation") && page.contains("<strong>order</strong>"));
    for forbidden in ["<script", "<link", "src=", "@import", "https:"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let elsewhere =
        page.matches("http:").count() - page.matches("http://www.w3.org/2000/svg").count();
    assert_eq!(elsewhere, 0);
}

#[test]
fn a_green_run_is_closed_and_has_its_faults_its_tracks_and_its_ledger() {
    let page = page(&[account(&[summary(&Story::clean())])]);
    assert!(page.contains("<h1><span class=\"verdict pass\">"), "{page}");
    assert!(page.contains("1 of 1 runs passed."));
    assert!(page.contains("<details class=\"run\" id=\"run-1\">"));
    for part in [
        "connections_cut 4",
        "<strong>answers</strong>",
        "<strong>deliveries</strong>",
        "heard by the witness",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_red_run_comes_first_and_open_with_its_counterexamples() {
    let mut red = summary(&Story::clean());
    red.name = "test/red".to_owned();
    red.verdict = Verdict::Fail;
    red.reason = "loss: <b>1</b> lost".to_owned();
    red.findings[0].verdict = Verdict::Fail;
    red.findings[0].examples = vec!["event 8 & 9".to_owned()];
    let page = page(&[account(&[summary(&Story::clean()), red])]);
    assert!(page.contains("1 of 2 runs passed. test/red: loss: &lt;b&gt;1&lt;/b&gt; lost"));
    assert!(page.contains("<details class=\"run\" id=\"run-1\" open>"));
    assert!(page.contains("event 8 &amp; 9"));
    let (red, green) = (
        page.find("<strong>test/red"),
        page.find("<strong>test/story"),
    );
    assert!(red.is_some() && red < green, "{red:?} {green:?}");
}

#[test]
fn what_was_not_judged_and_not_run_is_said() {
    let mut sampled = Story::clean();
    sampled.sampled("the server has wal_level = replica");
    let account = Account {
        not_run: vec![NotRun {
            name: "failure/never".to_owned(),
            why: "the target has no relay".to_owned(),
        }],
        ..account(&[summary(&sampled)])
    };
    let page = page(&[account]);
    for said in [
        "<li>not judged in 1 of 1 runs: ownership; ",
        "<li>not run, because the target has no relay: failure/never</li>",
        "1 of 1 runs passed; 1 stories were not run.",
    ] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn a_target_that_could_not_be_set_up_has_a_page_that_says_so() {
    let account = Account {
        not_set_up: Some("no Postgres".to_owned()),
        ..account(&[])
    };
    let page = page(&[account]);
    assert!(page.contains("shop could not be set up: no Postgres"));
    assert!(page.contains("<span class=\"verdict error\">"));
}

#[test]
fn a_run_that_left_no_history_shows_none() {
    let run = RunSummary {
        course: Default::default(),
        ..summary(&Story::clean())
    };
    let page = page(&[account(&[run])]);
    for part in ["Nothing was broken", "is not known", "<figure>"] {
        assert!(!page.contains(part), "{part}");
    }
}

#[test]
fn the_grid_says_how_much_was_looked_at_and_leads_to_the_run() {
    let page = page(&[account(&[summary(&Story::clean())])]);
    assert!(page.contains("<a href=\"#run-1\">test/story</a>"));
    assert!(page.contains("<td class=\"cell pass\">3</td>"), "{page}");
    assert!(
        page.contains("<li><strong>order</strong>: holds for 3 first deliveries"),
        "{page}"
    );
}

#[test]
fn of_a_repeated_story_each_run_has_its_seed_and_the_first_green_one_is_drawn() {
    let run = summary(&Story::clean());
    let page = page(&[account(&[run.clone(), run.clone(), run])]);
    assert_eq!(page.matches(", seed 7</th>").count(), 3);
    assert_eq!(page.matches("<strong>answers</strong>").count(), 1);
}

/// What the page of two runs is, byte for byte. Looked at in a browser before it is kept: `UPDATE_GOLDEN=1 cargo test golden`.
#[test]
fn a_page_is_the_golden_one() {
    let mut red = Story::clean();
    red.swap_deliveries(1, 2);
    red.lose_delivery(3);
    let page = page(&[account(&[summary(&red), summary(&Story::clean())])]);
    // A line each, so that a difference can be read.
    let lines = page.replace("><", ">\n<") + "\n";
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/html/golden.html");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &lines).expect("a golden page");
    }
    let kept = std::fs::read_to_string(&golden).expect("a golden page");
    let differs = lines
        .lines()
        .zip(kept.lines())
        .find(|(new, old)| new != old);
    assert_eq!(
        differs, None,
        "the first line that differs, now and as it was"
    );
    assert_eq!(lines.len(), kept.len());
}
