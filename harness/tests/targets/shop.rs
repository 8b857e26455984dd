//! Target files of a shop, in the forms that outboxes have.

use anyhow::Result;
use outbox_harness::ask::target::Target;

/// A shop whose operations are transactions: `write` and whatever else differs.
pub fn by_sql(write: &str, rest: &str) -> Result<Target> {
    Ok(Target::read(&format!(
        r#"
name = "shop"
promise = {{ order = "none" }}
[write]
{write}
{rest}
[[process]]
name = "relay"
run = "./relay"
env = {{ DATABASE_URL = "{{{{postgres.url}}}}", AMQP_URL = "{{{{rabbitmq.url}}}}" }}
"#
    ))?)
}

/// A shop that takes requests: what its `[write]` and the rest say.
pub fn by_http(write: &str, rest: &str) -> Result<Target> {
    Ok(Target::read(&format!(
        r#"
name = "shop"
promise = {{ order = "none" }}
[write]
http = "POST {{{{api}}}}/orders/{{{{key}}}}"
{write}
{rest}
[[process]]
name = "shop"
plays = ["api", "relay"]
run = "./shop"
env = {{ PORT = "{{{{port.http}}}}", DATABASE_URL = "{{{{postgres.url}}}}", AMQP_URL = "{{{{rabbitmq.url}}}}" }}
"#
    ))?)
}

/// Where messages are heard where that does not matter.
pub const WITNESS: &str = "[witness]\nexchange = \"shop.events\"";
