//! A little outbox that does nothing but be there: it connects to its servers, and leaves in its folder what it was told.
//!
//! | Variable | What it does |
//! | --- | --- |
//! | `DATABASE_URL`, `AMQP_URL` | connects, and stays connected |
//! | `PORT` | answers requests with 200 |
//! | `LIVES` | adds a line to this file; ends by itself in its first life |

use std::{env, fs, io::Write, process::ExitCode};

use anyhow::Result;
use lapin::{Connection, ConnectionProperties};
use sqlx::{Connection as _, PgConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// The first argument that makes this program the shop.
pub const AS_SHOP: &str = "__shop";

/// Becomes the shop if this process was started to be it.
pub fn as_shop() -> Option<ExitCode> {
    let mut args = env::args().skip(1);
    if args.next()? != AS_SHOP {
        return None;
    }
    Some(match args.next().as_deref() {
        Some("migrate") => ended(migrate()),
        _ => ended(run()),
    })
}

fn ended(done: Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Adds a line to a file beside the target's, and makes a table.
#[tokio::main(flavor = "current_thread")]
async fn migrate() -> Result<()> {
    line(&env::var("MIGRATIONS")?)?;
    let mut connection = PgConnection::connect(&env::var("DATABASE_URL")?).await?;
    sqlx::query("CREATE TABLE orders (id uuid PRIMARY KEY)")
        .execute(&mut connection)
        .await?;
    Ok(connection.close().await?)
}

#[tokio::main(flavor = "current_thread")]
async fn run() -> Result<()> {
    let mut told: Vec<String> = env::vars()
        .filter(|(name, _)| name.starts_with("TOLD_"))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    told.sort();
    fs::write("told", told.join("\n"))?;
    let _database = match env::var("DATABASE_URL") {
        Ok(url) => Some(PgConnection::connect(&url).await?),
        Err(_) => None,
    };
    let _broker = match env::var("AMQP_URL") {
        Ok(url) => {
            let named = ConnectionProperties::default().with_connection_name("shop".into());
            Some(Connection::connect(&url, named).await?)
        }
        Err(_) => None,
    };
    let mut life = 1;
    if let Ok(lives) = env::var("LIVES") {
        line(&lives)?;
        life = fs::read_to_string(&lives)?.lines().count();
    }
    println!("open in life {life}");
    if life == 1 && env::var("LIVES").is_ok() {
        anyhow::bail!("the first life is short");
    }
    let work = async {
        match env::var("PORT") {
            Ok(port) => answer(port.parse()?).await,
            Err(_) => std::future::pending().await,
        }
    };
    // The first process of a container is not ended by a signal that it does not listen to.
    let mut asked_to_stop = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = work => ended,
        _ = asked_to_stop.recv() => Ok(()),
    }
}

fn line(file: &str) -> Result<()> {
    let mut file = fs::File::options().create(true).append(true).open(file)?;
    Ok(writeln!(file, "once more")?)
}

async fn answer(port: u16) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (mut client, _) = listener.accept().await?;
        let mut asked = [0; 1024];
        let _ = client.read(&mut asked).await?;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
        client.write_all(answer).await?;
    }
}
