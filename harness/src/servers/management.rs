//! RabbitMQ's management API: a vhost for each run, and what the broker says of its queues.

use std::{borrow::Cow, time::Duration};

use anyhow::{Context, Result, bail};
use percent_encoding::percent_decode_str;
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at a queue whose policy was just changed.
const POLICY_LOOK: Duration = Duration::from_millis(20);

/// The API of one broker.
#[derive(Debug, Clone)]
pub struct Management {
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

    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
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
        let text = answer.text().await.unwrap_or_default();
        if !status.is_success() {
            bail!("RabbitMQ answered {status} to {method} {path}: {text}");
        }
        if status == StatusCode::NO_CONTENT || text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("RabbitMQ's answer to {method} {path}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
