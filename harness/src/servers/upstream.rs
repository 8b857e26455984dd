//! Where a server is, for who dials it itself and for who comes over an edge.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use reqwest::Url;

/// One database or vhost of a server, and the socket behind all edges.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// The server's socket.
    pub address: SocketAddr,
    pub(super) url: Url,
}

impl Upstream {
    /// The URL for who connects around all edges.
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// The URL for who connects over the edge that listens at `address`.
    pub fn over(&self, address: SocketAddr) -> Result<String> {
        let mut url = self.url.clone();
        let set =
            url.set_ip_host(address.ip()).is_ok() && url.set_port(Some(address.port())).is_ok();
        anyhow::ensure!(set, "{} takes no address", self.url);
        Ok(url.to_string())
    }
}

/// The socket that a URL leads to.
pub(super) async fn resolve(url: &Url, port: u16) -> Result<SocketAddr> {
    let host = url
        .host_str()
        .with_context(|| format!("{url} names no host"))?;
    let host = host.trim_matches(['[', ']']);
    let mut found = tokio::net::lookup_host((host, url.port().unwrap_or(port)))
        .await
        .with_context(|| format!("looking {host} up"))?;
    found
        .next()
        .with_context(|| format!("{host} has no address"))
}

/// The same server's URL of another database or vhost.
pub(super) fn with_path(url: &Url, path: &str) -> Url {
    let mut url = url.clone();
    url.set_path(path);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_changes_the_address_of_a_url_and_nothing_else() {
        let upstream = Upstream {
            address: "10.0.0.7:5432".parse().unwrap(),
            url: "postgres://lab:secret@db.example:5432/run_1?sslmode=disable"
                .parse()
                .unwrap(),
        };
        assert_eq!(
            upstream.over("127.0.0.1:12345".parse().unwrap()).unwrap(),
            "postgres://lab:secret@127.0.0.1:12345/run_1?sslmode=disable"
        );
        let broker = with_path(
            &"amqp://guest:guest@localhost:5672/".parse().unwrap(),
            "run_1",
        );
        assert_eq!(broker.as_str(), "amqp://guest:guest@localhost:5672/run_1");
    }

    #[tokio::test]
    async fn a_url_without_a_port_leads_to_the_protocols_own() {
        let url = "amqp://guest:guest@127.0.0.1".parse().unwrap();
        assert_eq!(
            resolve(&url, 5672).await.unwrap(),
            "127.0.0.1:5672".parse().unwrap()
        );
    }
}
