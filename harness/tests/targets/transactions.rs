//! Operations as transactions of the lab's own.

use std::sync::Mutex;

use anyhow::{Result, ensure};
use outbox_harness::{
    ask::toxic::{Direction, Toxic},
    run::write::{Answer, Ask, Fate, Step, Writer},
};

use crate::{
    cases,
    shop::{WITNESS, by_sql},
    site::{Site, until},
};

cases!(
    both_rows_are_there_or_neither_is,
    an_operation_that_is_rolled_back_leaves_nothing,
    a_violation_is_a_no_unless_the_same_was_asked_for_before,
    a_constraint_that_is_checked_at_commit_is_a_no,
    who_is_cut_before_commit_has_not_committed,
    who_is_cut_after_commit_finds_out_that_it_is_stored,
    who_is_cut_while_committing_ends_it_and_finds_nothing,
    operations_of_a_key_do_not_overlap_and_those_of_others_do,
    a_connection_that_was_cut_while_it_was_free_costs_nothing,
);

const TABLES: &str = "CREATE TABLE orders (id uuid PRIMARY KEY, customer text);
    CREATE TABLE outbox (id bigserial PRIMARY KEY, payload text);";
const WRITE: &str = r#"sql = """
INSERT INTO orders VALUES ('{{id}}', '{{key}}');
INSERT INTO outbox (payload) VALUES ('{"order":"{{id}}"}');
"""
"#;
const LOOK: &str = "[look]\nbusiness = \"orders\"";

/// A client of a shop with the usual tables.
async fn writer(site: &Site, write: &str) -> Result<Writer> {
    site.sql(TABLES).await?;
    site.writer(&by_sql(write, &format!("{LOOK}\n{WITNESS}"))?, None)
}

/// Writes one, and says what was answered and what became of it.
async fn write(writer: &Writer, ask: Ask) -> Result<(Answer, Option<Fate>)> {
    writer.write(ask, |_| ()).await
}

async fn both_rows_are_there_or_neither_is(site: &Site) -> Result<()> {
    let writer = writer(site, WRITE).await?;
    let steps = Mutex::new(Vec::new());
    let told = writer.write(Ask::of(site.id(1, 1)), |step| {
        steps.lock().unwrap().push(step)
    });
    let (answer, fate) = told.await?;
    let committed = Answer::Accepted {
        said: "COMMIT".to_owned(),
    };
    ensure!((&answer, &fate) == (&committed, &None), "{answer} {fate:?}");
    let asked = Step::Asked {
        via: "postgres".to_owned(),
        inquiry: false,
    };
    ensure!(steps.into_inner()? == [asked, Step::Answered(committed)]);
    ensure!(site.count("orders").await? == 1 && site.count("outbox").await? == 1);
    Ok(())
}

async fn an_operation_that_is_rolled_back_leaves_nothing(site: &Site) -> Result<()> {
    let writer = writer(site, &format!("{WRITE}rollback = 50")).await?;
    let ask = Ask {
        rollback: true,
        ..Ask::of(site.id(1, 1))
    };
    let (answer, _) = write(&writer, ask).await?;
    ensure!(
        answer.to_string() == "refused (ROLLBACK, as it was meant to)",
        "{answer}"
    );
    let (answer, _) = write(&writer, Ask::of(site.id(1, 2))).await?;
    ensure!(matches!(answer, Answer::Accepted { .. }), "{answer}");
    ensure!(site.count("orders").await? == 1);
    Ok(())
}

async fn a_violation_is_a_no_unless_the_same_was_asked_for_before(site: &Site) -> Result<()> {
    let writer = writer(site, &format!("{WRITE}again = true")).await?;
    let first = Ask::of(site.id(1, 1));
    write(&writer, first).await?;
    let (twice, _) = write(&writer, first).await?;
    ensure!(
        matches!(&twice, Answer::Refused { said } if said.starts_with("23505") && said.contains("already exists")),
        "{twice}"
    );
    let (again, _) = write(
        &writer,
        Ask {
            repeat: true,
            ..first
        },
    )
    .await?;
    ensure!(
        matches!(&again, Answer::Accepted { said } if said.starts_with("stored before")),
        "{again}"
    );
    ensure!(site.count("outbox").await? == 1);
    Ok(())
}

async fn a_constraint_that_is_checked_at_commit_is_a_no(site: &Site) -> Result<()> {
    let writer = writer(site, WRITE).await?;
    site.sql(
        "ALTER TABLE outbox ADD CONSTRAINT one UNIQUE (payload) DEFERRABLE INITIALLY DEFERRED",
    )
    .await?;
    let id = site.id(1, 1);
    site.sql(&format!(
        "INSERT INTO outbox (payload) VALUES ('{{\"order\":\"{}\"}}')",
        id.uuid()
    ))
    .await?;
    let (answer, _) = write(&writer, Ask::of(id)).await?;
    ensure!(
        matches!(&answer, Answer::Refused { said } if said.starts_with("COMMIT was answered: 23505")),
        "{answer}"
    );
    ensure!(site.count("orders").await? == 0);
    Ok(())
}

async fn who_is_cut_before_commit_has_not_committed(site: &Site) -> Result<()> {
    let slow = WRITE.replace(
        "INSERT INTO outbox",
        "SELECT pg_sleep(30);\nINSERT INTO outbox",
    );
    let writer = writer(site, &slow).await?;
    let asleep = async || {
        until("the transaction sleeps", async || {
            let sql = "SELECT count(*) = 1 FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event = 'PgSleep'";
            Ok(sqlx::query_scalar(sql).fetch_one(&site.pool).await?)
        })
        .await?;
        site.to_postgres
            .edge()
            .cut()
            .await
            .map_err(anyhow::Error::from)
    };
    let (written, cut) = tokio::join!(write(&writer, Ask::of(site.id(1, 1))), asleep());
    let (answer, fate) = written?;
    ensure!(
        matches!(&answer, Answer::Refused { said } if said.starts_with("COMMIT was never sent")),
        "{answer}"
    );
    ensure!(fate.is_none());
    let (answer, _) = write(&writer, Ask::of(site.id(1, 2))).await?;
    ensure!(
        matches!(&answer, Answer::Refused { said } if said.starts_with("never asked for")),
        "{answer}"
    );
    site.to_postgres.edge().mend(cut?).await?;
    let quick = self::quick(site)?;
    let (answer, _) = write(&quick, Ask::of(site.id(1, 3))).await?;
    ensure!(matches!(answer, Answer::Accepted { .. }), "{answer}");
    ensure!(site.count("orders").await? == 1);
    Ok(())
}

/// A client whose transactions do not sleep.
fn quick(site: &Site) -> Result<Writer> {
    site.writer(&by_sql(WRITE, &format!("{LOOK}\n{WITNESS}"))?, None)
}

async fn who_is_cut_after_commit_finds_out_that_it_is_stored(site: &Site) -> Result<()> {
    let writer = writer(site, WRITE).await?;
    write(&writer, Ask::of(site.id(1, 1))).await?;
    // The commit is done, and its answer is on its way.
    let late = Toxic::Latency {
        latency: std::time::Duration::from_millis(1500),
        jitter: std::time::Duration::ZERO,
    };
    let toxic = site
        .to_postgres
        .edge()
        .add(late, Direction::Replies, 1.0)
        .await?;
    let stored = async || {
        until("the row is there", async || {
            Ok(site.count("orders").await? == 2)
        })
        .await?;
        site.to_postgres
            .edge()
            .cut()
            .await
            .map_err(anyhow::Error::from)
    };
    let (written, cut) = tokio::join!(write(&writer, Ask::of(site.id(1, 2))), stored());
    let (answer, fate) = written?;
    ensure!(
        matches!(&answer, Answer::Unknown { said: None, reason } if reason.starts_with("COMMIT was sent")),
        "{answer}"
    );
    ensure!(fate == Some(Fate::Stored), "{fate:?}");
    site.to_postgres.edge().remove(toxic).await?;
    site.to_postgres.edge().mend(cut?).await?;
    Ok(())
}

async fn who_is_cut_while_committing_ends_it_and_finds_nothing(site: &Site) -> Result<()> {
    let writer = writer(site, WRITE).await?;
    site.sql(
        "CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(30); RETURN NULL; END';
         CREATE CONSTRAINT TRIGGER late AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION doze();",
    )
    .await?;
    let committing = async || {
        until("it commits", async || {
            let sql = "SELECT count(*) = 1 FROM pg_stat_activity
                       WHERE datname = current_database() AND query = 'COMMIT' AND wait_event = 'PgSleep'";
            Ok(sqlx::query_scalar(sql).fetch_one(&site.pool).await?)
        })
        .await?;
        site.to_postgres
            .edge()
            .cut()
            .await
            .map_err(anyhow::Error::from)
    };
    let (written, cut) = tokio::join!(write(&writer, Ask::of(site.id(1, 1))), committing());
    let (answer, fate) = written?;
    ensure!(answer.is_open(), "{answer}");
    ensure!(fate == Some(Fate::Absent { is_final: true }), "{fate:?}");
    site.to_postgres.edge().mend(cut?).await?;
    ensure!(site.count("orders").await? == 0);
    Ok(())
}

async fn operations_of_a_key_do_not_overlap_and_those_of_others_do(site: &Site) -> Result<()> {
    let slow = WRITE.replace(
        "INSERT INTO outbox",
        "SELECT pg_sleep(0.05);\nINSERT INTO outbox",
    );
    let writer = writer(site, &slow).await?;
    let order = Mutex::new(Vec::new());
    let (writer, noted) = (&writer, &order);
    let all = (1..=6_u32).map(|number| {
        let id = site.id(number as u16 % 2, number);
        let written = writer.write(Ask::of(id), move |step| {
            let begins = matches!(step, Step::Asked { .. });
            noted.lock().unwrap().push((id.key, id.number, begins));
        });
        // Whoever is drawn later may well be polled first.
        async move {
            tokio::task::yield_now().await;
            written.await
        }
    });
    let mut all: Vec<_> = all.collect();
    all.reverse();
    for written in futures_util::future::join_all(all).await {
        written?;
    }
    let order = order.into_inner()?;
    for key in 0..2 {
        let of_key: Vec<_> = order.iter().filter(|(of, ..)| *of == key).collect();
        for pair in of_key.chunks(2) {
            ensure!(
                pair[0].1 == pair[1].1 && pair[0].2 && !pair[1].2,
                "{order:?}"
            );
        }
        ensure!(
            of_key.is_sorted_by_key(|(_, number, _)| number),
            "{order:?}"
        );
    }
    ensure!(
        order[0].2 && order[1].2,
        "keys wait for each other: {order:?}"
    );
    Ok(())
}

async fn a_connection_that_was_cut_while_it_was_free_costs_nothing(site: &Site) -> Result<()> {
    let writer = writer(site, WRITE).await?;
    write(&writer, Ask::of(site.id(1, 1))).await?;
    let cut = site.to_postgres.edge().cut().await?;
    site.to_postgres.edge().mend(cut).await?;
    let (answer, _) = write(&writer, Ask::of(site.id(1, 2))).await?;
    ensure!(matches!(answer, Answer::Accepted { .. }), "{answer}");
    Ok(())
}
