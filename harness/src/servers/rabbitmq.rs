//! A RabbitMQ broker: where it is, who the lab is on it, and what it runs as.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Result;
use reqwest::Url;

use super::{
    body::Body,
    management::Management,
    upstream::{Upstream, resolve, with_path},
};

/// The protocol's own.
pub(super) const PORT: u16 = 5672;

/// A running broker.
pub struct RabbitMq {
    url: Url,
    address: SocketAddr,
    management: Management,
    api: SocketAddr,
    body: Arc<dyn Body>,
    image: Option<String>,
}

impl RabbitMq {
    /// The broker that `url` leads to and whose management API is `management`.
    pub async fn at(url: Url, management: Management, body: impl Body + 'static) -> Result<Self> {
        Ok(Self {
            address: resolve(&url, PORT).await?,
            api: management.address().await?,
            url,
            management,
            body: Arc::new(body),
            image: None,
        })
    }

    /// Names the image it runs from.
    #[must_use]
    pub fn from_image(mut self, image: &str) -> Self {
        self.image = Some(image.to_owned());
        self
    }

    /// The URL of one of its vhosts, around all edges.
    pub fn url(&self, vhost: &str) -> String {
        with_path(&self.url, vhost).to_string()
    }

    /// One of its vhosts, for edges to lead to.
    pub fn vhost(&self, name: &str) -> Upstream {
        Upstream {
            address: self.address,
            url: with_path(&self.url, name),
        }
    }

    /// Its management API, for edges to lead to.
    pub fn api(&self) -> Upstream {
        Upstream {
            address: self.api,
            url: self.management.url().clone(),
        }
    }

    /// Where STOMP is spoken; none if it is not, or if it is inside a container that shows no port of it.
    pub async fn stomp(&self) -> Result<Option<SocketAddr>> {
        if self.image.is_some() {
            return Ok(None);
        }
        let port = self.management.port_of("stomp").await?;
        Ok(port.map(|port| SocketAddr::new(self.address.ip(), port)))
    }

    /// Its management API.
    pub fn management(&self) -> &Management {
        &self.management
    }

    /// What may be done to it.
    pub fn body(&self) -> &dyn Body {
        &*self.body
    }

    /// Image and versions, one a line.
    pub async fn describe(&self) -> Result<Vec<String>> {
        let (version, erlang) = self.management.version().await?;
        let mut lines: Vec<String> = self
            .image
            .iter()
            .map(|image| format!("rabbitmq image = {image}"))
            .collect();
        lines.push(format!("rabbitmq {version} on erlang {erlang}"));
        Ok(lines)
    }
}
