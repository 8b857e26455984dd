//! Servers that a case has for itself: child processes, whatever the others run as.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use outbox_harness::{
    os::port::free_port,
    servers::native::{self, Binaries},
};
use reqwest::Url;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::{JoinSet, block_in_place},
};

use crate::{
    certificates::Authority,
    running::{run, until},
    site::Site,
};

pub fn binaries() -> Result<Binaries> {
    Ok(block_in_place(|| {
        Binaries::provide(&|line| eprintln!("{line}"))
    })?)
}

/// A Postgres with the schema in it.
pub async fn postgres(site: &Site, name: &str) -> Result<native::Postgres> {
    let name = format!("{}-{name}", site.name);
    let server = native::Postgres::boot(&name, &binaries()?, &site.folder).await?;
    let said = run(site, &server.url("postgres"), &["migrate"]).await?;
    anyhow::ensure!(said.code == Some(0), "{said:?}");
    Ok(server)
}

pub fn port(url: &str) -> Result<u16> {
    Url::parse(url)?.port().context("a port")
}

/// Lets a Postgres encrypt, as `localhost` by `authority`, with `access` as its `pg_hba.conf`.
pub async fn encrypt(server: &native::Postgres, authority: &Authority, access: &str) -> Result<()> {
    let mut connection = PgConnection::connect(&server.url("postgres")).await?;
    let identity = authority.vouch("server", &["localhost"])?;
    for (file, text) in [
        ("server.crt", identity.certificate.as_str()),
        ("server.key", &identity.key),
        ("clients.crt", &authority.pem()),
        ("pg_hba.conf", access),
    ] {
        let write = format!(
            "COPY (SELECT regexp_split_to_table('{text}', E'\\n')) TO PROGRAM 'umask 077; cat > {file}'"
        );
        sqlx::query(AssertSqlSafe(write))
            .execute(&mut connection)
            .await?;
    }
    for setting in ["ssl_ca_file = 'clients.crt'", "ssl = on"] {
        sqlx::query(AssertSqlSafe(format!("ALTER SYSTEM SET {setting}")))
            .execute(&mut connection)
            .await?;
    }
    sqlx::query("SELECT pg_reload_conf()")
        .execute(&mut connection)
        .await?;
    let url = format!("{}?sslmode=require", server.url("postgres"));
    until("the server encrypts", || async {
        let met = PgConnection::connect(&url).await;
        Ok((met.is_ok(), format!("{:?}", met.err())))
    })
    .await
}

/// A RabbitMQ that also encrypts, as `localhost` by `authority` and for those whom that vouches for, and its port for them.
pub async fn encrypting_rabbitmq(
    site: &Site,
    authority: &Authority,
    settings: &str,
    plugins: &[&str],
) -> Result<(native::RabbitMq, u16)> {
    let server = authority.vouch("server", &["localhost"])?;
    let port = free_port()?;
    let settings = format!(
        "listeners.ssl.default = 127.0.0.1:{port}\nssl_options.cacertfile = {}\nssl_options.certfile = {}\n\
         ssl_options.keyfile = {}\nssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n{settings}",
        authority.file().display(),
        server.files.0.display(),
        server.files.1.display(),
    );
    let name = format!("rabbitmq-{}", site.name);
    let binaries = binaries()?;
    let broker =
        native::RabbitMq::boot_with(&name, &binaries, &site.folder, &settings, plugins).await?;
    Ok((broker, port))
}

/// An address that leads elsewhere when it is told to, as a service's name does. Connections that are open stay.
pub struct Door {
    pub address: SocketAddr,
    leads_to: Arc<Mutex<u16>>,
    _open: JoinSet<()>,
}

/// What a door does with what a client asks for first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    Plain,
    /// As a pooler that is told to ignore the startup parameter `options`: sessions are not made as they were asked for.
    WithoutOptions,
}

impl Door {
    /// Opens one that leads to a port of this machine.
    pub async fn open(port: u16, manners: Manners) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let leads_to = Arc::new(Mutex::new(port));
        let mut open = JoinSet::new();
        let now = leads_to.clone();
        open.spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let port = *now.lock().unwrap_or_else(PoisonError::into_inner);
                passing.spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
                    if manners == Manners::WithoutOptions {
                        start_without_options(&mut client, &mut server).await?;
                    }
                    copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Ok(Self {
            address,
            leads_to,
            _open: open,
        })
    }

    pub fn lead_to(&self, port: u16) {
        *self.leads_to.lock().unwrap_or_else(PoisonError::into_inner) = port;
    }

    /// The URL of a database behind it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://lab@{}/{database}", self.address)
    }
}

async fn start_without_options(
    client: &mut TcpStream,
    server: &mut TcpStream,
) -> std::io::Result<()> {
    const HEAD: usize = 8;
    const SSL: u32 = 80_877_103;
    loop {
        let mut head = [0; HEAD];
        client.read_exact(&mut head).await?;
        let [length, code] = [0, 4]
            .map(|at| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
        if code == SSL {
            client.write_all(b"N").await?;
            continue;
        }
        let mut parameters = vec![0; (length as usize).saturating_sub(HEAD)];
        client.read_exact(&mut parameters).await?;
        let words: Vec<&[u8]> = parameters.split(|byte| *byte == 0).collect();
        let mut kept = Vec::new();
        for pair in words.chunks_exact(2).filter(|pair| !pair[0].is_empty()) {
            if pair[0] != b"options" {
                kept.extend_from_slice(&[pair[0], b"\0", pair[1], b"\0"].concat());
            }
        }
        kept.push(0);
        let length = u32::try_from(kept.len() + HEAD).unwrap_or(u32::MAX);
        server.write_all(&length.to_be_bytes()).await?;
        server.write_all(&code.to_be_bytes()).await?;
        return server.write_all(&kept).await;
    }
}
