//! Servers that somebody else runs. The lab makes databases and vhosts on them, and breaks the edges in front of them,
//! never the servers.

use anyhow::{Context, Result};
use reqwest::Url;

use crate::servers::{
    body::Elsewhere, management::Management, postgres::Postgres, rabbitmq::RabbitMq,
};

const MANAGEMENT_PORT: u16 = 15672;

/// Where they are.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Urls {
    /// With --backend external: Postgres, as a user who may create databases.
    #[arg(
        long,
        env = "LAB_DATABASE_URL",
        required_if_eq("backend", "external"),
        value_name = "URL",
        hide_env_values = true
    )]
    pub database_url: Option<Url>,
    /// With --backend external: RabbitMQ, as a user who may create vhosts.
    #[arg(
        long,
        env = "LAB_AMQP_URL",
        required_if_eq("backend", "external"),
        value_name = "URL",
        hide_env_values = true
    )]
    pub amqp_url: Option<Url>,
    /// With --backend external: RabbitMQ's management API; by default port 15672 of the AMQP host, as the same user.
    #[arg(
        long,
        env = "LAB_AMQP_API_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub amqp_api_url: Option<Url>,
}

/// Servers that were there before the lab.
pub struct External {
    database: Url,
    amqp: Url,
    management: Management,
}

impl External {
    /// Refuses what is not complete.
    pub fn new(urls: &Urls) -> Result<Self> {
        let needs = |option: &str| format!("--backend external needs {option}");
        let database = urls
            .database_url
            .clone()
            .with_context(|| needs("--database-url"))?;
        let amqp = urls.amqp_url.clone().with_context(|| needs("--amqp-url"))?;
        let api = match &urls.amqp_api_url {
            Some(api) => api.clone(),
            None => beside(&amqp)?,
        };
        Ok(Self {
            database,
            management: Management::new(&api)?,
            amqp,
        })
    }

    /// The database server.
    pub async fn postgres(&self) -> Result<Postgres> {
        Postgres::at(self.database.clone(), Elsewhere).await
    }

    /// The broker.
    pub async fn rabbitmq(&self) -> Result<RabbitMq> {
        RabbitMq::at(self.amqp.clone(), self.management.clone(), Elsewhere).await
    }
}

/// The management API where it usually is.
fn beside(amqp: &Url) -> Result<Url> {
    let host = amqp
        .host_str()
        .with_context(|| format!("{amqp} names no host"))?;
    let (user, password) = match (amqp.username(), amqp.password()) {
        ("", _) => ("guest", "guest"),
        (user, password) => (user, password.unwrap_or_default()),
    };
    let api = format!("http://{user}:{password}@{host}:{MANAGEMENT_PORT}");
    api.parse()
        .with_context(|| format!("{amqp} has no usual management API; give --amqp-api-url"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_management_api_is_beside_the_broker_unless_said() {
        let amqp = "amqp://ann:secret@broker.example:5671/x".parse().unwrap();
        assert_eq!(
            beside(&amqp).unwrap().as_str(),
            "http://ann:secret@broker.example:15672/"
        );
    }

    #[test]
    fn a_missing_url_is_named() {
        let problem = External::new(&Urls::default()).err().unwrap().to_string();
        assert!(problem.contains("--database-url"), "{problem}");
    }
}
