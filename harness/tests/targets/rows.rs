//! A look at the tables of outboxes in their three forms: a status, deletion, a cursor elsewhere.

use std::time::Duration;

use anyhow::{Result, ensure};
use outbox_harness::{
    ask::{
        id::{Id, Run},
        target::Target,
    },
    history::State,
    run::rows::{Sight, Tables},
};

use crate::{
    cases,
    shop::by_sql,
    site::{RUN, Site},
};

cases!(
    a_status_says_in_which_state_each_row_is,
    what_is_deleted_when_it_is_sent_is_not_there,
    what_is_moved_to_an_archive_was_sent,
    rows_that_say_nothing_are_read_and_not_counted,
    a_row_in_two_states_is_an_error_that_names_both,
    columns_may_be_called_like_their_table_and_names_may_need_quotes,
    effects_are_rows_or_a_query,
    a_table_that_is_not_there_is_named,
    another_runs_rows_and_strangers_are_told,
);

const WITHIN: Duration = Duration::from_secs(10);

/// A shop with these tables.
fn tables(site: &Site, rest: &str) -> Result<Tables> {
    let witness = "[witness]\nexchange = \"shop.events\"";
    let target: Target = by_sql("sql = \"SELECT '{{id}}'\"", &format!("{rest}\n{witness}"))?;
    Ok(Tables::of(&target, Run::of(RUN), site.pool.clone()))
}

async fn look(site: &Site, rest: &str) -> Result<Sight> {
    tables(site, rest)?.look(WITHIN).await
}

/// Which number is in which state.
fn states(sight: &Sight) -> Result<Vec<(i64, State)>> {
    let rows = sight.outbox.iter().flatten();
    let mut states: Vec<_> = rows
        .map(|row| Ok((row.item.clone().map_err(anyhow::Error::msg)?.n, row.state)))
        .collect::<Result<_>>()?;
    states.sort();
    Ok(states)
}

async fn a_status_says_in_which_state_each_row_is(site: &Site) -> Result<()> {
    site.sql(
        "CREATE SCHEMA outbox;
         CREATE TABLE outbox.messages (id int PRIMARY KEY, status int, attempts int, stream text, payload bytea)",
    )
    .await?;
    for (number, status) in [(1, "0"), (2, "1"), (3, "2"), (4, "3"), (5, "NULL")] {
        let payload = format!("{{\"order\":\"{}\"}}", site.id(1, number).uuid());
        site.sql(&format!(
            "INSERT INTO outbox.messages VALUES ({number}, {status}, {number}, 'lab', convert_to('{payload}', 'UTF8'))"
        ))
        .await?;
    }
    site.sql("INSERT INTO outbox.messages VALUES (6, 0, 0, 'other', '')")
        .await?;
    let outbox = "[outbox]\ntable = \"outbox.messages\"\nwhere = \"stream = 'lab'\"
        sent = \"status = 2\"\nheld = \"status = 1\"\ngiven_up = \"status = 3\"\nattempts = \"attempts\"";
    let expected = [
        (1, State::Waiting),
        (2, State::Held),
        (3, State::Sent),
        (4, State::GivenUp),
        (5, State::Waiting),
    ];
    let sight = look(site, outbox).await?;
    ensure!(states(&sight)? == expected, "by the row's text: {sight:?}");
    let first = sight.outbox.iter().flatten().find(|row| row.row == "2");
    ensure!(first.is_some_and(|row| row.attempts == Some(2)));
    let strictly = format!("{outbox}\nid = \"convert_from(payload, 'UTF8')::json->>'order'\"");
    ensure!(
        states(&look(site, &strictly).await?)? == expected,
        "by an expression"
    );
    let counts = tables(site, outbox)?
        .waiting(WITHIN)
        .await?
        .expect("counts");
    ensure!(
        (counts.waiting, counts.held, counts.given_up, counts.sent) == (2, 1, 1, 1),
        "{counts:?}"
    );
    Ok(())
}

async fn what_is_deleted_when_it_is_sent_is_not_there(site: &Site) -> Result<()> {
    site.sql("CREATE TABLE outbox (id text PRIMARY KEY, locked_by text)")
        .await?;
    for number in 1..=3 {
        site.sql(&format!(
            "INSERT INTO outbox VALUES ('{}')",
            site.id(1, number).token()
        ))
        .await?;
    }
    site.sql(&format!(
        "DELETE FROM outbox WHERE id = '{}'",
        site.id(1, 1).token()
    ))
    .await?;
    site.sql(&format!(
        "UPDATE outbox SET locked_by = 'me' WHERE id = '{}'",
        site.id(1, 2).token()
    ))
    .await?;
    let outbox = "[outbox]\ntable = \"outbox\"\nsent = \"gone\"\nheld = \"locked_by IS NOT NULL\"";
    let sight = look(site, outbox).await?;
    ensure!(
        states(&sight)? == [(2, State::Held), (3, State::Waiting)],
        "{sight:?}"
    );
    let counts = tables(site, outbox)?
        .waiting(WITHIN)
        .await?
        .expect("counts");
    ensure!(
        (counts.waiting, counts.held, counts.sent) == (1, 1, 0),
        "{counts:?}"
    );
    Ok(())
}

async fn what_is_moved_to_an_archive_was_sent(site: &Site) -> Result<()> {
    site.sql(
        "CREATE TABLE outbox (n bigint PRIMARY KEY, kind text);
         CREATE TABLE sent_messages (n bigint, kind text, at timestamptz DEFAULT now());
         INSERT INTO sent_messages VALUES (1, 'other')",
    )
    .await?;
    let number = |n| site.id(1, n).number().expect("a number");
    site.sql(&format!("INSERT INTO outbox VALUES ({}, 'lab')", number(2)))
        .await?;
    site.sql(&format!(
        "INSERT INTO sent_messages VALUES ({}, 'lab')",
        number(1)
    ))
    .await?;
    let outbox =
        "[outbox]\ntable = \"outbox\"\narchive = \"sent_messages\"\nwhere = \"kind = 'lab'\"";
    let sight = look(site, outbox).await?;
    ensure!(
        states(&sight)? == [(1, State::Sent), (2, State::Waiting)],
        "{sight:?}"
    );
    Ok(())
}

async fn rows_that_say_nothing_are_read_and_not_counted(site: &Site) -> Result<()> {
    site.sql("CREATE TABLE log (position bigserial, event jsonb)")
        .await?;
    let id = site.id(1, 1).uuid();
    site.sql(&format!(
        "INSERT INTO log (event) VALUES ('{{\"id\":\"{id}\"}}')"
    ))
    .await?;
    let outbox = "[outbox]\ntable = \"log\"";
    let sight = look(site, outbox).await?;
    ensure!(states(&sight)? == [(1, State::Waiting)], "{sight:?}");
    let rows = sight.outbox.unwrap_or_default();
    ensure!(rows[0].row.is_empty(), "a table without a key");
    ensure!(tables(site, outbox)?.waiting(WITHIN).await?.is_none());
    Ok(())
}

async fn a_row_in_two_states_is_an_error_that_names_both(site: &Site) -> Result<()> {
    site.sql("CREATE TABLE outbox (id uuid, sent_at timestamptz, locked bool)")
        .await?;
    site.sql(&format!(
        "INSERT INTO outbox VALUES ('{}', now(), true)",
        site.id(1, 1).uuid()
    ))
    .await?;
    let outbox = "[outbox]\ntable = \"outbox\"\nsent = \"sent_at IS NOT NULL\"\nheld = \"locked\"";
    let said = look(site, outbox)
        .await
        .expect_err("two states")
        .to_string();
    ensure!(
        said.contains("is sent (sent_at IS NOT NULL) and held (locked)"),
        "{said}"
    );
    Ok(())
}

async fn columns_may_be_called_like_their_table_and_names_may_need_quotes(
    site: &Site,
) -> Result<()> {
    site.sql(
        "CREATE TABLE \"Outbox\" (\"Outbox\" uuid PRIMARY KEY, lab_row text, \"Sent\" bool);
         CREATE TABLE orders (orders uuid)",
    )
    .await?;
    let id = site.id(1, 1).uuid();
    site.sql(&format!(
        "INSERT INTO \"Outbox\" VALUES ('{id}', 'x', true); INSERT INTO orders VALUES ('{id}')"
    ))
    .await?;
    let outbox = "[look]\nbusiness = \"orders\"\n[outbox]\ntable = '\"Outbox\"'\nsent = '\"Sent\"'\nid = '\"Outbox\"'";
    let sight = look(site, outbox).await?;
    ensure!(states(&sight)? == [(1, State::Sent)], "{sight:?}");
    let rows = sight.outbox.unwrap_or_default();
    ensure!(rows[0].row == id.to_string());
    let stored = sight.stored.unwrap_or_default();
    ensure!(
        stored.rows.len() == 1 && stored.rows[0].id == id,
        "{stored:?}"
    );
    Ok(())
}

async fn effects_are_rows_or_a_query(site: &Site) -> Result<()> {
    site.sql("CREATE TABLE shipped (order_id uuid, at int, draft bool DEFAULT false)")
        .await?;
    for (number, at) in [(1, 1), (2, 2), (2, 3)] {
        let id = site.id(1, number).uuid();
        site.sql(&format!("INSERT INTO shipped VALUES ('{id}', {at})"))
            .await?;
    }
    let draft = site.id(1, 3).uuid();
    site.sql(&format!("INSERT INTO shipped VALUES ('{draft}', 4, true)"))
        .await?;
    let rest = |effects: &str| {
        format!(
            "[effects]\n{effects}\n[[process]]\nname = \"consumer\"\nrun = \"./consumer\"
             env = {{ DATABASE_URL = \"{{{{postgres.url}}}}\", AMQP_URL = \"{{{{rabbitmq.url}}}}\" }}"
        )
    };
    let seen = async |effects: &str| {
        let sight = look(site, &rest(effects)).await?;
        let rows = sight.effects.unwrap_or_default().rows;
        Ok::<_, anyhow::Error>(
            rows.iter()
                .map(|row| (row.item.n, row.times))
                .collect::<Vec<_>>(),
        )
    };
    let rows = seen("table = \"shipped\"\napplied = \"NOT draft\"").await?;
    ensure!(rows == [(1, 1), (2, 2)], "{rows:?}");
    let query = "sql = \"SELECT order_id AS id, count(*) AS times, min(at) AS n, 'x' AS lab_row FROM shipped GROUP BY 1 ORDER BY 3\"";
    let rows = seen(query).await?;
    ensure!(rows == [(1, 1), (2, 2), (4, 1)], "{rows:?}");
    Ok(())
}

async fn a_table_that_is_not_there_is_named(site: &Site) -> Result<()> {
    let said = look(site, "[outbox]\ntable = \"nowhere\"")
        .await
        .expect_err("no table");
    ensure!(
        format!("{said:#}").contains("there is no table nowhere"),
        "{said:#}"
    );
    site.sql("CREATE TABLE outbox (id uuid)").await?;
    let wrong = "[outbox]\ntable = \"outbox\"\nsent = \"status = 2\"";
    let said = format!("{:#}", look(site, wrong).await.expect_err("no column"));
    ensure!(
        said.contains("reading outbox") && said.contains("status"),
        "{said}"
    );
    Ok(())
}

async fn another_runs_rows_and_strangers_are_told(site: &Site) -> Result<()> {
    site.sql("CREATE TABLE orders (id text)").await?;
    let other = Id {
        run: Run::of(RUN + 1),
        ..site.id(1, 1)
    };
    site.sql(&format!(
        "INSERT INTO orders VALUES ('{}'), ('{}'), ('a seed')",
        other.uuid(),
        site.id(1, 1).uuid()
    ))
    .await?;
    let stored = look(site, "[look]\nbusiness = \"orders\"")
        .await?
        .stored
        .unwrap_or_default();
    ensure!(
        (stored.rows.len(), stored.strangers) == (1, 1),
        "{stored:?}"
    );
    ensure!(
        stored.odd.len() == 1 && stored.odd[0].contains("another run"),
        "{stored:?}"
    );
    Ok(())
}
