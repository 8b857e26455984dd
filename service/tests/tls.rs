//! Whoever asks for TLS gets it, from whom they trust, or nothing.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use sqlx::{Connection, PgConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use uuid::Uuid;

use crate::{
    certificates::Authority,
    own,
    running::{Running, Said, run, until_applied},
    site::Site,
};

const LAMP: Uuid = Uuid::from_u128(7);

crate::cases!(
    postgres_is_spoken_to_with_tls_and_only_to_whom_is_trusted,
    a_server_without_tls_gets_no_session_that_asks_for_it,
    rabbitmq_is_spoken_to_with_tls_and_only_to_whom_is_trusted,
    a_certificate_stands_in_place_of_a_password,
    a_broker_without_tls_gets_no_word_in_the_clear,
);

/// Two users: anybody as `lab`, and who has a certificate as `client`. Nobody without TLS.
const ACCESS: &str = "hostssl all lab 127.0.0.1/32 trust\nhostssl all client 127.0.0.1/32 cert";

async fn postgres_is_spoken_to_with_tls_and_only_to_whom_is_trusted(site: &Site) -> Result<()> {
    let folder = tempfile::tempdir_in(&site.folder)?;
    let server = own::postgres(site, "tls").await?;
    let ours = Authority::new(folder.path(), "ours")?;
    let theirs = Authority::new(folder.path(), "theirs")?;
    own::encrypt(&server, &ours, ACCESS).await?;
    let port = own::port(&server.url(""))?;
    let mut admin = PgConnection::connect(&server.url("postgres")).await?;
    sqlx::query("CREATE ROLE client SUPERUSER LOGIN")
        .execute(&mut admin)
        .await?;
    let client = ours.vouch("client", &[])?;
    let stranger = theirs.vouch("client", &[])?;
    let with = |authority: &Path, identity: &(std::path::PathBuf, std::path::PathBuf)| {
        format!(
            "sslmode=verify-full&sslrootcert={}&sslcert={}&sslkey={}",
            authority.display(),
            identity.0.display(),
            identity.1.display()
        )
    };
    let root = |authority: &Authority| format!("sslrootcert={}", authority.file().display());
    let (ours_root, theirs_root) = (root(&ours), root(&theirs));
    for (who, query, refusal) in [
        ("lab@localhost", "sslmode=require".to_owned(), None),
        (
            "lab@localhost",
            format!("sslmode=verify-full&{ours_root}"),
            None,
        ),
        (
            "lab@127.0.0.1",
            format!("sslmode=verify-ca&{ours_root}"),
            None,
        ),
        (
            "lab@127.0.0.1",
            format!("sslmode=require&{ours_root}"),
            None,
        ),
        ("client@localhost", with(&ours.file(), &client.files), None),
        (
            "lab@localhost",
            "sslmode=disable".to_owned(),
            Some("no encryption"),
        ),
        (
            "lab@127.0.0.1",
            format!("sslmode=verify-full&{ours_root}"),
            Some("not valid for name"),
        ),
        (
            "lab@localhost",
            format!("sslmode=verify-full&{theirs_root}"),
            Some("UnknownIssuer"),
        ),
        (
            "lab@localhost",
            format!("sslmode=verify-ca&{theirs_root}"),
            Some("UnknownIssuer"),
        ),
        // As libpq means it.
        (
            "lab@localhost",
            format!("sslmode=require&{theirs_root}"),
            Some("UnknownIssuer"),
        ),
        (
            "client@localhost",
            "sslmode=require".to_owned(),
            Some("client certificate"),
        ),
        (
            "client@localhost",
            with(&ours.file(), &stranger.files),
            Some("alert"),
        ),
    ] {
        let url = format!("postgres://{who}:{port}/postgres?{query}");
        let Said { code, err, .. } = run(site, &url, &["migrate"]).await?;
        match refusal {
            None => ensure!(code == Some(0), "{url}: {code:?}\n{err}"),
            Some(words) => ensure!(
                code == Some(1) && err.contains(words),
                "{url}: {code:?}\n{err}"
            ),
        }
    }
    let url = format!(
        "postgres://client@localhost:{port}/postgres?{}",
        with(&ours.file(), &client.files)
    );
    let api = Running::ready(site, "api", &[("DATABASE_URL", &url)]).await?;
    let sessions: Vec<bool> = sqlx::query_scalar(
        "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'outbox-%'",
    )
    .fetch_all(&mut admin)
    .await?;
    ensure!(
        !sessions.is_empty() && sessions.iter().all(|encrypted| *encrypted),
        "{sessions:?}"
    );
    api.stop().await
}

/// A server that says that it does not encrypt must not be told anything more.
async fn a_server_without_tls_gets_no_session_that_asks_for_it(site: &Site) -> Result<()> {
    let url = format!("{}?sslmode=require", site.servers.database_url());
    let Said { code, err, .. } = run(site, &url, &["migrate"]).await?;
    ensure!(
        code == Some(1) && err.contains("server does not support TLS"),
        "{code:?}\n{err}"
    );
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!(
        "postgres://ann:secret@{}/d?sslmode=require",
        listener.local_addr()?
    );
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut request = [0; 8];
        stream.read_exact(&mut request).await?;
        stream.write_all(b"N").await?;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await?;
        Ok::<_, std::io::Error>(rest)
    });
    let Said { code, err, .. } = run(site, &url, &["migrate"]).await?;
    ensure!(code == Some(1), "{code:?}\n{err}");
    let heard = heard.await??;
    ensure!(heard.is_empty(), "{heard:?}");
    Ok(())
}

async fn rabbitmq_is_spoken_to_with_tls_and_only_to_whom_is_trusted(site: &Site) -> Result<()> {
    let folder = tempfile::tempdir_in(&site.folder)?;
    let ours = Authority::new(folder.path(), "ours")?;
    let theirs = Authority::new(folder.path(), "theirs")?;
    let client = ours.vouch("client", &[])?;
    let (broker, port) = own::encrypting_rabbitmq(site, &ours, "", &[]).await?;
    let plain = own::port(&broker.url())?;
    let trusted = format!("cacertfile={}", ours.file().display());
    let known = format!(
        "certfile={}&keyfile={}",
        client.files.0.display(),
        client.files.1.display()
    );
    for (scheme, address, query, refusal) in [
        (
            "amqps",
            format!("localhost:{port}"),
            format!("{trusted}&{known}"),
            None,
        ),
        (
            "amqps",
            format!("127.0.0.1:{port}"),
            format!("server_name_indication=localhost&verify=verify_peer&{trusted}&{known}"),
            None,
        ),
        (
            "amqps",
            format!("127.0.0.1:{port}"),
            format!("{trusted}&{known}"),
            Some("not valid for name"),
        ),
        (
            "amqps",
            format!("localhost:{port}"),
            format!("cacertfile={}&{known}", theirs.file().display()),
            Some("UnknownIssuer"),
        ),
        (
            "amqps",
            format!("localhost:{port}"),
            trusted.clone(),
            Some("alert"),
        ),
        (
            "amqps",
            format!("localhost:{plain}"),
            format!("{trusted}&{known}"),
            Some("a port without TLS"),
        ),
        (
            "amqp",
            format!("localhost:{port}"),
            String::new(),
            Some("a port for amqps://"),
        ),
    ] {
        let url = format!("{scheme}://guest:guest@{address}/%2f?{query}");
        let settings = [("AMQP_URL", url.as_str())];
        let Some(words) = refusal else {
            Running::ready(site, "relay", &settings)
                .await?
                .stop()
                .await?;
            continue;
        };
        is_refused(site, &url, words).await?;
    }
    let url = format!("amqps://guest:guest@localhost:{port}/%2f?{trusted}&{known}");
    let settings = [("AMQP_URL", url.as_str())];
    let relay = Running::ready(site, "relay", &settings).await?;
    let consumer = Running::ready(site, "consumer", &settings).await?;
    site.append(LAMP, 1, 200).await?;
    until_applied(site, 200).await?;
    relay.stop().await?;
    consumer.stop().await
}

/// A relay that is told `url` says these words and is not ready.
async fn is_refused(site: &Site, url: &str, words: &str) -> Result<()> {
    let relay = Running::start(site, "relay", &[("AMQP_URL", url)])?;
    let refused = relay.until_refused("rabbitmq (relay)", words).await;
    refused.with_context(|| url.to_owned())?;
    relay.stop().await
}

async fn a_certificate_stands_in_place_of_a_password(site: &Site) -> Result<()> {
    let folder = tempfile::tempdir_in(&site.folder)?;
    let ours = Authority::new(folder.path(), "ours")?;
    let settings = "auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = EXTERNAL\nssl_cert_login_from = common_name";
    let plugins = &["rabbitmq_auth_mechanism_ssl"];
    let (_broker, port) = own::encrypting_rabbitmq(site, &ours, settings, plugins).await?;
    let url = |certified: &str, login: &str| {
        let (certificate, key) = ours.vouch(certified, &[])?.files;
        anyhow::Ok(format!(
            "amqps://{login}localhost:{port}/%2f?cacertfile={}&certfile={}&keyfile={}&auth_mechanism=external",
            ours.file().display(),
            certificate.display(),
            key.display(),
        ))
    };
    // The broker's one user is `guest`: a name and a password count for nothing, right or wrong.
    is_refused(site, &url("stranger", "guest:guest@")?, "ACCESS_REFUSED").await?;
    for login in ["", "nobody:wrong@"] {
        let url = url("guest", login)?;
        let settings = [("AMQP_URL", url.as_str())];
        Running::ready(site, "relay", &settings)
            .await?
            .stop()
            .await?;
    }
    Ok(())
}

/// The first that it hears is a greeting of TLS, and without an answer to it nothing more.
async fn a_broker_without_tls_gets_no_word_in_the_clear(site: &Site) -> Result<()> {
    const HANDSHAKE: u8 = 0x16;
    let folder = tempfile::tempdir_in(&site.folder)?;
    let ours = Authority::new(folder.path(), "ours")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!(
        "amqps://ann:secret@{}/v?cacertfile={}",
        listener.local_addr()?,
        ours.file().display()
    );
    let relay = Running::start(site, "relay", &[("AMQP_URL", &url)])?;
    let (mut stream, _) = listener.accept().await?;
    let mut first = [0; 1];
    stream.read_exact(&mut first).await?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await?;
    ensure!(first == [HANDSHAKE], "{first:?}");
    let told = |word: &[u8]| rest.windows(word.len()).any(|window| window == word);
    ensure!(!told(b"secret") && !told(b"PLAIN"), "{rest:?}");
    relay.stop().await
}
