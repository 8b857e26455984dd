//! Commits of any target's tables, from the server's own log.

use std::time::Duration;

use anyhow::{Result, ensure};
use outbox_harness::{
    ask::id::Run,
    history::{Operation, Recorder, read},
    run::{
        ledger::{Ledger, Watched},
        write::{Ask, Step},
    },
};
use tokio::time::Instant;

use crate::{
    cases,
    shop::{WITNESS, by_sql},
    site::{RUN, Site},
};

cases!(a_row_that_came_and_went_is_seen_with_its_operation_and_its_transaction);

async fn a_row_that_came_and_went_is_seen_with_its_operation_and_its_transaction(
    site: &Site,
) -> Result<()> {
    let write = r#"sql = """
INSERT INTO orders VALUES ('{{id}}');
INSERT INTO outbox (payload) VALUES (convert_to('{"order":"{{id}}"}', 'UTF8'));
"""
rollback = 50
"#;
    let rest = "[look]\nbusiness = \"orders\"\n[outbox]\ntable = \"outbox\"\nsent = \"gone\"";
    let target = by_sql(write, &format!("{rest}\n{WITNESS}"))?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("history.jsonl");
    let recorder = Recorder::create(&path)?;
    let watched = Watched::of(&target, Run::of(RUN));
    // Before the tables are there, as a target makes them itself.
    let ledger = Ledger::watching(site.database_url(), watched, recorder.clone()).await?;
    site.sql(
        "CREATE TABLE orders (id uuid PRIMARY KEY);
         CREATE TABLE outbox (id bigserial PRIMARY KEY, payload bytea);
         CREATE TABLE others (id int)",
    )
    .await?;
    let writer = site.writer(&target, None)?;
    let silent = |_: Step| ();
    writer.write(Ask::of(site.id(1, 1)), silent).await?;
    let rolled_back = Ask {
        rollback: true,
        ..Ask::of(site.id(1, 2))
    };
    writer.write(rolled_back, silent).await?;
    site.sql("INSERT INTO others VALUES (1)").await?;
    site.sql("DELETE FROM outbox").await?;
    ledger
        .finish(Instant::now() + Duration::from_secs(20))
        .await?;
    recorder.finish()?;
    let history = read(&path)?;
    let commits: Vec<_> = history.commits().collect();
    let id = site.id(1, 1).uuid();
    let wrote = commits.iter().find(|commit| !commit.changes.is_empty());
    let wrote = wrote.ok_or_else(|| anyhow::anyhow!("no commit: {commits:?}"))?;
    let both: Vec<_> = wrote
        .changes
        .iter()
        .map(|change| (change.table.as_str(), change.op, change.ids.as_slice()))
        .collect();
    ensure!(
        both == [
            ("orders", Operation::Insert, &[id][..]),
            ("outbox", Operation::Insert, &[id][..])
        ],
        "{both:?}"
    );
    let last = commits.last().and_then(|commit| commit.changes.first());
    let gone = last.ok_or_else(|| anyhow::anyhow!("nothing was deleted: {commits:?}"))?;
    ensure!(
        gone.op == Operation::Delete
            && gone.row == [("id".to_owned(), Some("1".to_owned()))].into()
    );
    ensure!(wrote.changes[1].row["id"] == gone.row["id"], "the same key");
    ensure!(
        commits
            .iter()
            .any(|commit| commit.changes.is_empty() && commit.others == 1),
        "{commits:?}"
    );
    Ok(())
}
