//! Where RabbitMQ is, and how it is spoken to.

use std::{fmt, str::FromStr, sync::Arc};

use lapin::uri::{
    AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism,
};
use rustls::{ClientConfig, pki_types::ServerName};
use url::Host;

use crate::{
    address::{self, Unreadable, decoded, unreadable},
    tls::{self, Files, Unusable},
};

/// `amqp://user:password@host:port/vhost`, or `amqps://…` with RabbitMQ's names for what TLS needs.
#[derive(Clone)]
pub struct BrokerAddress {
    uri: AMQPUri,
    tls: Option<Tls>,
}

/// How TLS is spoken.
#[derive(Debug, Clone)]
pub(super) struct Tls {
    files: Files,
    /// Whom the server's certificate must be for.
    pub name: String,
}

impl Tls {
    pub fn client(&self) -> Result<Arc<ClientConfig>, Unusable> {
        self.files.client().map(Arc::new)
    }
}

impl fmt::Debug for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPAuthority { host, port, .. } = &self.uri.authority;
        write!(f, "{}://{host}:{port}", self.uri.scheme)
    }
}

impl BrokerAddress {
    /// Reads a URL, and tries the files that it names.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let url = address::read(text, &["amqp", "amqps"])?;
        let scheme = match url.scheme() {
            "amqps" => AMQPScheme::AMQPS,
            _ => AMQPScheme::AMQP,
        };
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => {
                decoded(name).ok_or_else(|| Unreadable("the host is no text".to_owned()))?
            }
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            _ => return unreadable("names no host"),
        };
        let part = |part: &str| decoded(part).unwrap_or_default();
        let userinfo = match url.username() {
            "" => AMQPUserInfo::default(),
            user => AMQPUserInfo {
                username: part(user),
                password: url.password().map(part).unwrap_or_default(),
            },
        };
        let vhost = match url.path() {
            "" => "/".to_owned(),
            path => part(path.trim_start_matches('/')),
        };
        let mut read = Query::default();
        for (name, value) in address::parameters(&url)? {
            read.hear(&name, value)?;
        }
        let tls = match (&scheme, &read.encrypts) {
            (AMQPScheme::AMQPS, _) => Some(read.tls(&host)?),
            (AMQPScheme::AMQP, None) => None,
            (AMQPScheme::AMQP, Some(name)) => {
                return unreadable(format!("{name} is of no use without amqps://"));
            }
        };
        Ok(Self {
            uri: AMQPUri {
                authority: AMQPAuthority {
                    userinfo,
                    host,
                    port: url.port().unwrap_or_else(|| scheme.default_port()),
                },
                scheme,
                vhost,
                query: read.query,
            },
            tls,
        })
    }

    /// What lapin is told.
    pub(super) fn uri(&self, heartbeat: u16) -> AMQPUri {
        let mut uri = self.uri.clone();
        uri.query.heartbeat = Some(heartbeat);
        uri
    }

    pub(super) fn endpoint(&self) -> (&str, u16) {
        (&self.uri.authority.host, self.uri.authority.port)
    }

    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }
}

/// What follows the `?`.
#[derive(Default)]
struct Query {
    query: AMQPQueryString,
    authorities: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    name: Option<String>,
    /// A parameter that is about TLS.
    encrypts: Option<String>,
}

impl Query {
    fn hear(&mut self, name: &str, value: String) -> Result<(), Unreadable> {
        match name {
            "frame_max" => self.query.frame_max = Some(number(name, &value)?),
            "channel_max" => self.query.channel_max = Some(number(name, &value)?),
            "auth_mechanism" => {
                self.query.auth_mechanism = Some(match value.to_ascii_lowercase().as_str() {
                    "plain" => SASLMechanism::Plain,
                    "amqplain" => SASLMechanism::AMQPlain,
                    "external" => SASLMechanism::External,
                    _ => return unreadable("auth_mechanism is none of plain, amqplain, external"),
                });
            }
            "heartbeat" => return unreadable("heartbeat is not taken: --heartbeat-s sets it"),
            "connection_timeout" => {
                return unreadable(
                    "connection_timeout is not taken: connecting may take 5 seconds",
                );
            }
            "verify" if value != "verify_peer" => {
                return unreadable(
                    "verify can only be verify_peer (cacertfile names an authority of your own)",
                );
            }
            "verify" => {}
            "cacertfile" => self.authorities = Some(value),
            "certfile" => self.certificate = Some(value),
            "keyfile" => self.key = Some(value),
            "server_name_indication" => self.name = Some(value),
            _ => return unreadable(format!("{name} is not known")),
        }
        if matches!(
            name,
            "verify" | "cacertfile" | "certfile" | "keyfile" | "server_name_indication"
        ) {
            self.encrypts = Some(name.to_owned());
        }
        Ok(())
    }

    fn tls(&self, host: &str) -> Result<Tls, Unreadable> {
        let names = ("certfile", "keyfile");
        let identity = tls::identity(names, self.certificate.clone(), self.key.clone())
            .map_err(|half| Unreadable(half.to_string()))?;
        let name = self.name.as_deref().unwrap_or(host).to_owned();
        if ServerName::try_from(name.as_str()).is_err() {
            return unreadable(
                "a certificate cannot be for such a host (server_name_indication gives another name)",
            );
        }
        let tls = Tls {
            files: Files {
                authorities: self.authorities.as_ref().map(Into::into),
                identity,
            },
            name,
        };
        match tls.client() {
            Ok(_) => Ok(tls),
            Err(unusable) => unreadable(unusable.to_string()),
        }
    }
}

fn number<N: FromStr>(name: &str, value: &str) -> Result<N, Unreadable> {
    value
        .parse()
        .or_else(|_| unreadable(format!("{name} is no number, or too large")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_url_is_meant() {
        let url =
            "amqp://u%61:p%3a@[2001:db8::1]:6000/a%2fb?frame_max=8192&auth_mechanism=EXTERNAL";
        let read = BrokerAddress::read(url).expect(url);
        assert_eq!(read.endpoint(), ("2001:db8::1", 6000));
        let uri = read.uri(7);
        assert_eq!(uri.authority.userinfo.username, "ua");
        assert_eq!(uri.authority.userinfo.password, "p:");
        assert_eq!(uri.vhost, "a/b");
        assert_eq!(uri.query.frame_max, Some(8192));
        assert_eq!(uri.query.heartbeat, Some(7));
        assert_eq!(uri.query.auth_mechanism, Some(SASLMechanism::External));
    }

    #[test]
    fn what_is_missing_has_the_defaults_that_rabbitmq_documents() {
        let read = BrokerAddress::read("amqp://h").expect("a URL");
        assert_eq!(read.endpoint(), ("h", 5672));
        assert_eq!(read.uri(1).vhost, "/");
        assert_eq!(read.uri(1).authority.userinfo, AMQPUserInfo::default());
        assert_eq!(
            BrokerAddress::read("amqp://h/")
                .expect("a URL")
                .uri(1)
                .vhost,
            ""
        );
    }

    #[test]
    fn what_is_not_understood_or_not_done_is_refused() {
        for (url, named) in [
            ("amqp:///v", "host"),
            ("amqp://u:hunter2@h/v?heartbeat=1", "--heartbeat-s"),
            ("amqp://u:hunter2@h/v?frame_max=x", "frame_max"),
            ("amqp://u:hunter2@h/v?foo=bar", "foo"),
            ("amqp://u:hunter2@h/v?cacertfile=/ca", "amqps"),
            (
                "amqp://u:hunter2@h/v?auth_mechanism=magic",
                "auth_mechanism",
            ),
            ("amqps://u:hunter2@h/v?verify=verify_none", "verify_peer"),
            ("amqps://u:hunter2@h/v?cacertfile=/no/such", "/no/such"),
            ("amqps://u:hunter2@h/v?certfile=/no/such", "keyfile"),
        ] {
            let refused = BrokerAddress::read(url).expect_err(url).to_string();
            assert!(refused.contains(named), "{url}: {refused}");
            assert!(!refused.contains("hunter"), "{url}: {refused}");
        }
    }
}
