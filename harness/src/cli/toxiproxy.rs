//! `lab toxiproxy`.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, pin::pin};

use anyhow::{Context, Result};

use crate::{
    os::guard,
    wire::toxiproxy::{ToxiproxyServer, listen::resolve},
};

const FLAGS: [&str; 4] = ["-host", "-port", "-config", "-version"];

/// The flags of the genuine server.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where its API listens.
    #[arg(long, default_value = "localhost")]
    host: String,
    /// Its API's port.
    #[arg(long, default_value_t = 8474)]
    port: u16,
    /// A JSON file with the proxies to begin with, as POST /populate takes them.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// As the genuine server takes its flags, with one dash as well as with two.
pub(super) fn with_two_dashes(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    if args.get(1).is_some_and(|command| command == "toxiproxy") {
        for arg in &mut args[2..] {
            let flag = arg.to_str().and_then(|text| text.split('=').next());
            if flag.is_some_and(|flag| FLAGS.contains(&flag)) {
                let one = std::mem::replace(arg, OsString::from("-"));
                arg.push(one);
            }
        }
    }
    args
}

pub(super) async fn toxiproxy(args: &Args) -> Result<u8> {
    // As the first process of a container it would ignore a signal that it does not handle.
    let mut interrupted = pin!(guard::interrupted());
    let started = async {
        let server = ToxiproxyServer::start(address(args).await?).await?;
        if let Some(config) = &args.config {
            let text = tokio::fs::read(config)
                .await
                .with_context(|| format!("reading {}", config.display()))?;
            server
                .populate(&text)
                .await
                .with_context(|| format!("making the proxies of {}", config.display()))?;
        }
        anyhow::Ok(server)
    };
    let server = tokio::select! {
        biased;
        ended = &mut interrupted => return ended.map(|()| 0).map_err(Into::into),
        server = started => server?,
    };
    eprintln!("Toxiproxy's API listens on http://{}", server.address());
    interrupted.await?;
    Ok(0)
}

async fn address(args: &Args) -> Result<SocketAddr> {
    let listen = match args.host.contains(':') {
        true => format!("[{}]:{}", args.host, args.port),
        false => format!("{}:{}", args.host, args.port),
    };
    resolve(&listen)
        .await
        .with_context(|| format!("looking for {}", args.host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_genuine_server_have_one_dash_or_two_and_others_are_left_alone() {
        let read = |line: &str| {
            let args = with_two_dashes(line.split(' ').map(OsString::from));
            args.join(&OsString::from(" ")).into_string().expect("text")
        };
        let asked = "lab toxiproxy -port 7 --host localhost -config=x -version";
        let meant = "lab toxiproxy --port 7 --host localhost --config=x --version";
        assert_eq!(read(asked), meant);
        assert_eq!(read("lab run -port"), "lab run -port");
    }
}
