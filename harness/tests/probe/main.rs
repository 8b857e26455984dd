//! A probe finds out of the toy outbox, in each of its forms, what its files say: from files that say nothing of it.

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use futures_util::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Trial};
use outbox_harness::{
    ask::target::{
        Target,
        completed::{Line, completed},
    },
    run::probe::{Probed, probe},
    servers::{lab::Lab, shared_lab::SharedLab},
};

/// A case that takes longer has hung.
const CASE_WITHIN: Duration = Duration::from_secs(90);

type Case = fn(Arc<Lab>) -> LocalBoxFuture<'static, Result<()>>;

const CASES: [(&str, Case); 5] = [
    ("a_column_that_says_what_was_sent_is_found", |lab| {
        Box::pin(form(lab, "status"))
    }),
    (
        "rows_that_are_deleted_when_they_are_sent_are_found",
        |lab| Box::pin(form(lab, "delete")),
    ),
    ("a_cursor_that_passes_rows_is_found", |lab| {
        Box::pin(form(lab, "cursor"))
    }),
    (
        "effects_are_found_and_a_wrong_witness_is_answered_with_the_right_one",
        |lab| Box::pin(witness(lab)),
    ),
    (
        "who_goes_around_his_edge_is_a_problem_beside_what_is_found",
        |lab| Box::pin(around(lab)),
    ),
];

fn main() -> ExitCode {
    let lab = match SharedLab::for_tests() {
        Ok(lab) => lab,
        Err(ended) => return ended,
    };
    let trials = CASES.map(|(name, case)| {
        let shared = lab.clone();
        Trial::test(name, move || {
            Ok(shared.show(CASE_WITHIN, async |lab| case(lab).await)?)
        })
    });
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.into());
    lab.strike();
    conclusion.exit_code()
}

/// The toy's file, as its program stands where cargo built it.
fn file(form: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("targets/toy/{form}.toml"));
    let text = std::fs::read_to_string(path)?;
    let program = format!("run = \"{} ", env!("CARGO_BIN_EXE_toy-outbox"));
    Ok(text.replace("run = \"toy-outbox ", &program))
}

/// The text without some of its tables.
fn without(text: &str, tables: &[&str]) -> String {
    let mut kept = true;
    let lines = text.lines().filter(|line| {
        if line.starts_with('[') {
            kept = !tables.iter().any(|table| *line == format!("[{table}]"));
        }
        kept || line.starts_with('#')
    });
    lines.map(|line| format!("{line}\n")).collect()
}

async fn probed(lab: &Lab, text: &str) -> Result<Probed> {
    let target = Target::read(text)?;
    let folder = tempfile::tempdir()?;
    probe(lab, &target, false, &folder.path().join("probe"), &|_| ()).await
}

fn written(text: &str, probed: &Probed) -> Result<(Target, String)> {
    let findings = probed.findings.iter();
    let lines: Vec<Line> = findings.flat_map(|finding| finding.lines.clone()).collect();
    let done = completed(text, &lines);
    let target = Target::read(&done).with_context(|| done.clone())?;
    Ok((target, done))
}

fn sentences(probed: &Probed) -> String {
    let findings = probed.findings.iter();
    let sentences: Vec<&str> = findings.map(|finding| finding.sentence.as_str()).collect();
    sentences.join("\n")
}

async fn form(lab: Arc<Lab>, form: &str) -> Result<()> {
    let whole = file(form)?;
    let stripped = without(&whole, &["look", "outbox", "message"]);
    let wanted = Target::read(&whole)?;
    let probed = probed(&lab, &stripped).await?;
    let said = sentences(&probed);
    ensure!(probed.problems.is_empty(), "{:?}\n{said}", probed.problems);
    let (found, text) = written(&stripped, &probed)?;
    ensure!(found.look == wanted.look, "{text}\n{said}");
    let (own, known) = (found.outbox.as_ref(), wanted.outbox.as_ref());
    let outbox = |of: Option<&outbox_harness::ask::target::outbox::Outbox>| {
        of.map(|outbox| {
            (
                outbox.table.clone(),
                outbox.sent.clone(),
                outbox.held.clone(),
            )
        })
    };
    ensure!(outbox(own) == outbox(known), "{text}\n{said}");
    ensure!(
        found.message.dedup_by == wanted.message.dedup_by,
        "{text}\n{said}"
    );
    // Both catch the id in what the toy says.
    let expected = "body:~^order ([0-9a-f-]{36}) ~";
    let address = found.message.id.as_ref().map(ToString::to_string);
    ensure!(address.as_deref() == Some(expected), "{text}\n{said}");
    ensure!(
        found.witnesses == wanted.witnesses && !text.contains("# exchange"),
        "{text}"
    );
    for part in [
        "18 operations were accepted, 2 were rolled back",
        "an operation's id is received by orders (id and n) and parcels (note), all in one transaction",
        "went to the default exchange, by the key \"parcels\"",
        "each message is persistent",
        "asks for confirms",
        "goes over its edge",
        "after its write began in the median",
    ] {
        ensure!(said.contains(part), "{part}\n{said}");
    }
    Ok(())
}

async fn witness(lab: Arc<Lab>) -> Result<()> {
    let whole = file("consumer")?;
    let stripped = without(&whole, &["look", "outbox", "message", "effects"]);
    let right = "exchange = \"parcels\"\nkind = \"fanout\"";
    ensure!(stripped.contains(right), "{stripped}");
    let wrong = stripped.replace(right, "exchange = \"letters\"");
    let probed = probed(&lab, &wrong).await?;
    let said = sentences(&probed);
    ensure!(probed.problems.len() == 1, "{:?}\n{said}", probed.problems);
    let problem = format!("{:#}", probed.problems[0]);
    ensure!(
        problem.contains("letters") && problem.contains("could not be listened to"),
        "{problem}"
    );
    let (found, text) = written(&wrong, &probed)?;
    let answered = "exchange = \"letters\"\n# exchange = \"parcels\" # found; the file says otherwise\n# kind = \"fanout\"\n";
    ensure!(text.contains(answered), "{text}\n{said}");
    let wanted = Target::read(&whole)?;
    ensure!(found.look == wanted.look, "{text}\n{said}");
    ensure!(
        found.message.dedup_by == wanted.message.dedup_by,
        "{text}\n{said}"
    );
    ensure!(
        text.contains("[effects]\ntable = \"mails\""),
        "{text}\n{said}"
    );
    ensure!(
        said.contains("went to the exchange parcels (fanout)") && !said.contains("inbox"),
        "{said}"
    );
    Ok(())
}

async fn around(lab: Arc<Lab>) -> Result<()> {
    let broker = lab.rabbitmq().url("%2f");
    let broker = broker.split(['@', '/']).nth(3).unwrap_or_default();
    let planted = file("status")?.replace(
        "relay status\"",
        &format!("relay status --plant around-the-edge --broker {broker}\""),
    );
    let probed = probed(&lab, &planted).await?;
    ensure!(probed.problems.len() == 1, "{:?}", probed.problems);
    let problem = format!("{:#}", probed.problems[0]);
    ensure!(
        problem.contains("goes around its edge to RabbitMQ"),
        "{problem}"
    );
    ensure!(
        sentences(&probed).contains("events wait in parcels"),
        "{}",
        sentences(&probed)
    );
    Ok(())
}
