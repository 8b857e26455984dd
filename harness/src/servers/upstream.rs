//! Where a server is, for who dials it itself and for who comes over an edge.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use percent_encoding::percent_decode_str;
use reqwest::Url;

/// One database or vhost of a server, and the socket behind all edges.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// The server's socket.
    pub address: SocketAddr,
    pub(super) url: Url,
}

impl Upstream {
    /// What `url` names, at `address`.
    pub fn new(address: SocketAddr, url: Url) -> Self {
        Self { address, url }
    }

    /// The URL for who connects around all edges.
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// Who connects.
    pub fn user(&self) -> String {
        decoded(self.url.username())
    }

    /// By what he is known; empty where nothing is asked.
    pub fn password(&self) -> String {
        decoded(self.url.password().unwrap_or_default())
    }

    /// The database or the vhost.
    pub fn name(&self) -> String {
        decoded(self.url.path().trim_start_matches('/'))
    }

    /// The database or the vhost, as a part of a URL.
    pub fn segment(&self) -> &str {
        self.url.path().trim_start_matches('/')
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

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
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

    #[test]
    fn the_parts_of_a_url_are_as_a_client_would_type_them() {
        let upstream = |url: &str| Upstream {
            address: "127.0.0.1:5672".parse().unwrap(),
            url: url.parse().unwrap(),
        };
        let broker = upstream("amqp://a%40b:p%3As@127.0.0.1:5672/%2f");
        assert_eq!(
            [broker.user(), broker.password(), broker.name()],
            ["a@b", "p:s", "/"]
        );
        assert_eq!(broker.segment(), "%2f");
        let trusting = upstream("postgres://lab@127.0.0.1:5432/run_1");
        assert_eq!(
            [trusting.user(), trusting.password(), trusting.name()],
            ["lab", "", "run_1"]
        );
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
