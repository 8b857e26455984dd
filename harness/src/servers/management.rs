//! RabbitMQ's management API: a vhost for each run, and what the broker says of its queues.

mod binding;
mod operator;

use std::{borrow::Cow, collections::BTreeSet, net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail};
use percent_encoding::percent_decode_str;
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::upstream::resolve;
pub use binding::Binding;
pub use operator::{Definition, What};

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Between two looks at which plugins there are.
const PLUGINS_LOOK: Duration = Duration::from_millis(100);
/// Between two looks at a queue whose policy was just changed.
const POLICY_LOOK: Duration = Duration::from_millis(20);

/// The API of one broker.
#[derive(Debug, Clone)]
pub struct Management {
    /// Without the user.
    url: Url,
    base: String,
    /// The user as a part of a URL.
    name: String,
    user: String,
    password: String,
    http: reqwest::Client,
}

impl Management {
    /// The API at `url`, such as `http://guest:guest@127.0.0.1:15672`.
    pub fn new(url: &Url) -> Result<Self> {
        let mut base = url.clone();
        let cut = base.set_username("").is_ok() && base.set_password(None).is_ok();
        anyhow::ensure!(cut, "{url} is no URL of a management API");
        let decoded = |text: &str| {
            let bytes = percent_decode_str(text).decode_utf8();
            bytes
                .map(Cow::into_owned)
                .context("user and password of the management API are UTF-8")
        };
        Ok(Self {
            base: format!("{}/api", base.as_str().trim_end_matches('/')),
            url: base.clone(),
            name: url.username().to_owned(),
            user: decoded(url.username())?,
            password: decoded(url.password().unwrap_or_default())?,
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(ANSWER_WITHIN)
                .build()?,
        })
    }

    /// Makes a vhost that the lab's user may do anything in.
    pub async fn create_vhost(&self, vhost: &str) -> Result<()> {
        self.call(Method::PUT, &format!("vhosts/{vhost}"), &json!({}))
            .await?;
        self.permit(vhost, ".*").await
    }

    /// Lets the lab's user write and read everything in a vhost, and declare what matches `configure`.
    pub async fn permit(&self, vhost: &str, configure: &str) -> Result<()> {
        self.permit_only(vhost, configure, ".*").await
    }

    /// Lets the lab's user read everything in a vhost, declare what matches `configure`, and publish to, and bind, what
    /// matches `write`.
    pub async fn permit_only(&self, vhost: &str, configure: &str, write: &str) -> Result<()> {
        let rights = json!({ "configure": configure, "write": write, "read": ".*" });
        self.call(
            Method::PUT,
            &format!("permissions/{vhost}/{}", self.name),
            &rights,
        )
        .await
        .map(drop)
    }

    /// Binds a queue to a fanout exchange.
    pub async fn bind(&self, vhost: &str, exchange: &str, queue: &str) -> Result<()> {
        let binding = format!("bindings/{vhost}/e/{exchange}/q/{queue}");
        self.call(Method::POST, &binding, &json!({}))
            .await
            .map(drop)
    }

    /// Removes such a binding.
    pub async fn unbind(&self, vhost: &str, exchange: &str, queue: &str) -> Result<()> {
        let binding = format!("bindings/{vhost}/e/{exchange}/q/{queue}/~");
        self.call(Method::DELETE, &binding, &Value::Null)
            .await
            .map(drop)
    }

    /// Sets a policy on one queue, and waits until the broker says that the queue has it.
    pub async fn limit(&self, vhost: &str, policy: &str, queue: &str, limit: &Value) -> Result<()> {
        let pattern = format!("^{}$", queue.replace('.', "\\."));
        let body = json!({ "pattern": pattern, "definition": limit, "apply-to": "queues" });
        self.call(Method::PUT, &format!("policies/{vhost}/{policy}"), &body)
            .await?;
        self.until_policy(vhost, queue, policy).await
    }

    /// Takes such a policy away again.
    pub async fn unlimit(&self, vhost: &str, policy: &str) -> Result<()> {
        let path = format!("policies/{vhost}/{policy}");
        self.call(Method::DELETE, &path, &Value::Null)
            .await
            .map(drop)
    }

    async fn until_policy(&self, vhost: &str, queue: &str, wanted: &str) -> Result<()> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        loop {
            let path = format!("queues/{vhost}/{queue}");
            let about = self.call(Method::GET, &path, &Value::Null).await?;
            let found = about["policy"].as_str();
            if found == Some(wanted) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{queue} has the policy {found:?}, not {wanted:?}, after {ANSWER_WITHIN:?}");
            }
            sleep(POLICY_LOOK).await;
        }
    }

    /// How many bindings an exchange has.
    pub async fn bindings(&self, vhost: &str, exchange: &str) -> Result<usize> {
        let path = format!("exchanges/{vhost}/{exchange}/bindings/source");
        let bindings = self.call(Method::GET, &path, &Value::Null).await?;
        Ok(bindings.as_array().map_or(0, Vec::len))
    }

    /// The bindings of queues to an exchange.
    pub async fn bound_to(&self, vhost: &str, exchange: &str) -> Result<Vec<Binding>> {
        let path = format!("exchanges/{vhost}/{exchange}/bindings/source");
        let listed = self.call(Method::GET, &path, &Value::Null).await?;
        let all = listed.as_array().into_iter().flatten();
        Ok(all.filter_map(Binding::read).collect())
    }

    /// Takes one of them away.
    pub async fn take_away(&self, vhost: &str, binding: &Binding) -> Result<()> {
        let path = format!("bindings/{vhost}/{}/{}", binding.ends(), binding.properties);
        self.call(Method::DELETE, &path, &Value::Null)
            .await
            .map(drop)
    }

    /// Puts it back.
    pub async fn put_back(&self, vhost: &str, binding: &Binding) -> Result<()> {
        let path = format!("bindings/{vhost}/{}", binding.ends());
        let body = json!({ "routing_key": binding.key, "arguments": binding.arguments });
        self.call(Method::POST, &path, &body).await.map(drop)
    }

    /// Removes a vhost and everything in it.
    pub async fn delete_vhost(&self, vhost: &str) -> Result<()> {
        self.call(Method::DELETE, &format!("vhosts/{vhost}"), &Value::Null)
            .await
            .map(drop)
    }

    /// RabbitMQ's and Erlang's versions.
    pub async fn version(&self) -> Result<(String, String)> {
        let overview = self.call(Method::GET, "overview", &Value::Null).await?;
        let text = |name: &str| overview[name].as_str().unwrap_or("?").to_owned();
        Ok((text("rabbitmq_version"), text("erlang_version")))
    }

    /// Where it is, without the user.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The socket that it is behind.
    pub(super) async fn address(&self) -> Result<SocketAddr> {
        resolve(&self.url, self.url.port_or_known_default().unwrap_or(80)).await
    }

    /// The plugins that every node has enabled. A broker that has just started says nothing of them for a moment.
    pub async fn plugins(&self) -> Result<BTreeSet<String>> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        loop {
            let enabled = self.enabled().await?;
            if !enabled.is_empty() {
                return Ok(enabled);
            }
            if Instant::now() > deadline {
                bail!("RabbitMQ does not say which plugins it has, after {ANSWER_WITHIN:?}");
            }
            sleep(PLUGINS_LOOK).await;
        }
    }

    async fn enabled(&self) -> Result<BTreeSet<String>> {
        let nodes = self.call(Method::GET, "nodes", &Value::Null).await?;
        let enabled = |node: &Value| -> BTreeSet<String> {
            let plugins = node["enabled_plugins"].as_array().into_iter().flatten();
            plugins
                .filter_map(|plugin| Some(plugin.as_str()?.to_owned()))
                .collect()
        };
        let nodes = nodes.as_array().context("RabbitMQ names no node")?;
        let all = nodes.iter().map(enabled);
        all.reduce(|one, other| &one & &other)
            .context("RabbitMQ has no node")
    }

    /// The port on which a protocol such as `stomp` is spoken; none if nobody listens.
    pub async fn port_of(&self, protocol: &str) -> Result<Option<u16>> {
        let overview = self.call(Method::GET, "overview", &Value::Null).await?;
        let listeners = overview["listeners"].as_array().into_iter().flatten();
        let found = listeners
            .filter(|listener| listener["protocol"] == protocol)
            .find_map(|listener| listener["port"].as_u64());
        Ok(found.and_then(|port| u16::try_from(port).ok()))
    }

    /// The connections of clients that a vhost has now.
    pub async fn connections(&self, vhost: &str) -> Result<Vec<Client>> {
        let path = format!("vhosts/{vhost}/connections");
        let listed = self.call(Method::GET, &path, &Value::Null).await?;
        let listed = listed.as_array().into_iter().flatten();
        // What the broker's own plugins open inside it has no port.
        Ok(listed.filter_map(Client::read).collect())
    }

    /// How often the broker delivered again what it had delivered before, by its own count.
    pub async fn redelivered(&self, vhost: &str, queue: &str) -> Result<u64> {
        let about = self
            .call(
                Method::GET,
                &format!("queues/{vhost}/{queue}"),
                &Value::Null,
            )
            .await?;
        Ok(about["message_stats"]["redeliver"].as_u64().unwrap_or(0))
    }

    /// The kind of an exchange, as AMQP has it; none if there is no such exchange.
    pub async fn kind_of(&self, vhost: &str, exchange: &str) -> Result<Option<String>> {
        let path = format!("exchanges/{vhost}");
        let listed = self.call(Method::GET, &path, &Value::Null).await?;
        let mut listed = listed.as_array().into_iter().flatten();
        let found = listed.find(|listed| listed["name"] == exchange);
        Ok(found.and_then(|found| Some(found["type"].as_str()?.to_owned())))
    }

    /// Has the broker tell of everything that is published in a vhost and delivered from it, on the exchange
    /// `amq.rabbitmq.trace` there, or no more. It forgets that when it is restarted.
    pub async fn trace(&self, vhost: &str, on: bool) -> Result<()> {
        let path = format!("vhosts/{vhost}");
        self.call(Method::PUT, &path, &json!({ "tracing": on }))
            .await
            .map(drop)
    }

    /// A list that changes while the broker makes it may make its API stumble (500): what only asks is asked again.
    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        let (status, text) = loop {
            let (status, text) = self.once(&method, path, body).await?;
            let stumbled = method == Method::GET && status == StatusCode::INTERNAL_SERVER_ERROR;
            if !stumbled || Instant::now() > deadline {
                break (status, text);
            }
            sleep(ASKED_AGAIN_AFTER).await;
        };
        if !status.is_success() {
            let path = path.to_owned();
            return Err(Refusal {
                status,
                method,
                path,
                text,
            }
            .into());
        }
        if status == StatusCode::NO_CONTENT || text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("RabbitMQ's answer to {method} {path}"))
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        body: &Value,
    ) -> Result<(StatusCode, String)> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}/{path}", self.base))
            .basic_auth(&self.user, Some(&self.password));
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("asking RabbitMQ: {method} {path}"))?;
        let status = answer.status();
        Ok((status, answer.text().await.unwrap_or_default()))
    }
}

/// What RabbitMQ would not do.
#[derive(Debug, thiserror::Error)]
#[error("RabbitMQ answered {status} to {method} {path}: {text}")]
struct Refusal {
    status: StatusCode,
    method: Method,
    path: String,
    text: String,
}

/// A connection, as the broker sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// What the broker calls it.
    pub id: String,
    /// What it calls itself, or what its library is called; empty if it says neither.
    pub name: String,
    /// Where it comes from.
    pub host: String,
    /// Its port there.
    pub port: u16,
}

impl Client {
    fn read(listed: &Value) -> Option<Self> {
        let about = &listed["client_properties"];
        let said = [
            &listed["user_provided_name"],
            &about["connection_name"],
            &about["product"],
        ];
        let name = said.into_iter().find_map(Value::as_str).unwrap_or_default();
        Some(Self {
            id: listed["name"].as_str().unwrap_or_default().to_owned(),
            name: name.to_owned(),
            host: listed["peer_host"].as_str()?.to_owned(),
            port: u16::try_from(listed["peer_port"].as_u64()?).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_known_by_its_own_name_or_its_library_s() {
        let listed = |properties: Value| {
            let listed = json!({ "peer_host": "127.0.0.1", "peer_port": 40000, "client_properties": properties });
            Client::read(&listed).unwrap().name
        };
        let named = json!({ "product": "pika", "connection_name": "relay" });
        assert_eq!(listed(named), "relay");
        assert_eq!(listed(json!({ "product": "pika" })), "pika");
        assert_eq!(listed(json!({})), "");
        assert_eq!(Client::read(&json!({ "name": "inside" })), None);
    }

    #[test]
    fn user_and_password_are_decoded_and_the_user_s_place_in_a_url_is_not() {
        let url = "http://a%40b:p%40ss%3A@127.0.0.1:15672/".parse().unwrap();
        let api = Management::new(&url).unwrap();
        assert_eq!((api.user.as_str(), api.password.as_str()), ("a@b", "p@ss:"));
        assert_eq!(
            (api.base.as_str(), api.name.as_str()),
            ("http://127.0.0.1:15672/api", "a%40b")
        );
    }
}
