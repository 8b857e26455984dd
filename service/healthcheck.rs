//! Asks a process on this machine whether it is well: for images without a shell, a curl or anything else but the program.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use axum::body::{Body, to_bytes};
use hyper::{Request, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

/// More than a probe may take of Postgres, less than whoever waits for the answer is told to wait.
const WITHIN: Duration = Duration::from_secs(4);
/// A report of what is not ready is shorter.
const LONGEST_ANSWER: usize = 64 * 1024;

/// The answer of the process that listens at `listening`, if it is 200.
pub(crate) async fn ask(listening: SocketAddr, path: &str) -> Result<String> {
    ensure!(
        listening.port() != 0,
        "nobody can know where a process listens that was told to take any port"
    );
    let at = reachable(listening);
    let (status, said) = timeout(WITHIN, get(at, path))
        .await
        .with_context(|| format!("http://{at}{path} did not answer within {WITHIN:?}"))?
        .with_context(|| format!("asking http://{at}{path}"))?;
    if status != 200 {
        bail!("http://{at}{path} answered {status}: {}", said.trim_end());
    }
    Ok(said)
}

/// Who listens everywhere listens here, too.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

async fn get(at: SocketAddr, path: &str) -> Result<(u16, String)> {
    let stream = TcpStream::connect(at).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with `sender`.
    tokio::spawn(connection);
    let request = Request::get(path)
        .header(HOST, at.to_string())
        .body(Body::empty())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    let body = to_bytes(Body::new(answer.into_body()), LONGEST_ANSWER).await?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
