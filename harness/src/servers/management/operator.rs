//! What an operator does by the management API to what is in one vhost: rights, connections, queues and exchanges.

use anyhow::Result;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Client, Management, Refusal};

/// A queue or an exchange, as it can be declared again.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Whether it is one or the other.
    pub what: What,
    /// Its name.
    pub name: String,
    /// What the API is told to declare it.
    body: Value,
}

/// What can be declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A queue.
    Queue,
    /// An exchange.
    Exchange,
}

impl What {
    /// As people and, with an s, the API's paths call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Exchange => "exchange",
        }
    }
}

impl Management {
    /// Takes every right in a vhost away from the lab's user, which is the target's, too.
    pub async fn forbid(&self, vhost: &str) -> Result<()> {
        let path = format!("permissions/{vhost}/{}", self.name);
        self.delete(&path).await.map(drop)
    }

    /// Whether that user has any right there.
    pub async fn is_permitted(&self, vhost: &str) -> Result<bool> {
        let path = format!("vhosts/{vhost}/permissions");
        let listed = self.call(Method::GET, &path, &Value::Null).await?;
        let mut listed = listed.as_array().into_iter().flatten();
        Ok(listed.any(|listed| listed["user"] == self.user.as_str()))
    }

    /// Closes a client's connection; false if it had ended by itself.
    pub async fn close(&self, client: &Client) -> Result<bool> {
        self.delete(&format!("connections/{}", encoded(&client.id)))
            .await
    }

    /// How a queue or an exchange was declared; none if it is not there.
    pub async fn definition(
        &self,
        vhost: &str,
        what: What,
        name: &str,
    ) -> Result<Option<Definition>> {
        let path = format!("{}s/{vhost}", what.name());
        let listed = self.call(Method::GET, &path, &Value::Null).await?;
        let mut listed = listed.as_array().into_iter().flatten();
        let found = listed.find(|listed| listed["name"] == name);
        Ok(found.map(|found| Definition::read(what, name, found)))
    }

    /// Deletes it; false if it was not there.
    pub async fn drop_defined(&self, vhost: &str, defined: &Definition) -> Result<bool> {
        self.delete(&defined.path(vhost)).await
    }

    /// Declares it again.
    pub async fn declare(&self, vhost: &str, defined: &Definition) -> Result<()> {
        self.call(Method::PUT, &defined.path(vhost), &defined.body)
            .await
            .map(drop)
    }

    /// False where there was nothing to delete.
    async fn delete(&self, path: &str) -> Result<bool> {
        match self.call(Method::DELETE, path, &Value::Null).await {
            Ok(_) => Ok(true),
            Err(error) => match error.downcast_ref::<Refusal>() {
                Some(refusal) if refusal.status == StatusCode::NOT_FOUND => Ok(false),
                _ => Err(error),
            },
        }
    }
}

impl Definition {
    fn read(what: What, name: &str, found: &Value) -> Self {
        let mut body = json!({
            "durable": found["durable"],
            "auto_delete": found["auto_delete"],
            "arguments": found["arguments"],
        });
        if what == What::Exchange {
            body["type"] = found["type"].clone();
            body["internal"] = found["internal"].clone();
        }
        Self {
            what,
            name: name.to_owned(),
            body,
        }
    }

    fn path(&self, vhost: &str) -> String {
        format!("{}s/{vhost}/{}", self.what.name(), encoded(&self.name))
    }
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}
