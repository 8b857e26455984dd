//! A toxic as the API spells it: a kind with its attributes, on one stream of a proxy, for a share of its connections.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{folded::parse, problem::Problem};

/// The way that bytes flow through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stream {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    Downstream,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
        }
    }
}

/// What a toxic does. Times in milliseconds unless said otherwise; what is left out is zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "attributes", rename_all = "snake_case")]
pub(super) enum Kind {
    /// Delays data by `latency` plus or minus `jitter`.
    Latency {
        #[serde(default)]
        latency: u64,
        #[serde(default)]
        jitter: u64,
    },
    /// Lets through `rate` thousands of bytes a second; at zero, nothing.
    Bandwidth {
        #[serde(default)]
        rate: u64,
    },
    /// Holds the end of the stream back.
    SlowClose {
        #[serde(default)]
        delay: u64,
    },
    /// Swallows all data, and closes the connection after `timeout`; at zero, never.
    Timeout {
        #[serde(default)]
        timeout: u64,
    },
    /// Holds all data, and resets the connection after `timeout`.
    ResetPeer {
        #[serde(default)]
        timeout: u64,
    },
    /// Cuts data into pieces of `average_size` plus or minus `size_variation` bytes, `delay` microseconds apart.
    Slicer {
        #[serde(default)]
        average_size: u64,
        #[serde(default)]
        size_variation: u64,
        #[serde(default)]
        delay: u64,
    },
    /// Does nothing.
    Noop {},
    /// Closes the connection after `bytes`.
    LimitData {
        #[serde(default)]
        bytes: u64,
    },
}

const KINDS: [&str; 8] = [
    "noop",
    "latency",
    "bandwidth",
    "slow_close",
    "timeout",
    "reset_peer",
    "slicer",
    "limit_data",
];

impl Kind {
    fn parse(name: &str, attributes: Map<String, Value>) -> Result<Self, Problem> {
        if !KINDS.contains(&name) {
            return Err(Problem::InvalidToxicType);
        }
        serde_json::from_value(json!({ "type": name, "attributes": attributes }))
            .map_err(|e| Problem::BadBody(e.to_string()))
    }

    fn parts(&self) -> Result<(String, Map<String, Value>), Problem> {
        #[derive(Deserialize)]
        struct Parts {
            r#type: String,
            attributes: Map<String, Value>,
        }
        let parts: Parts = serde_json::to_value(self)
            .and_then(serde_json::from_value)
            .map_err(|e| Problem::BadBody(e.to_string()))?;
        Ok((parts.r#type, parts.attributes))
    }
}

/// One toxic of a proxy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Toxic {
    /// Tells a toxic from a later one of the same name.
    #[serde(skip)]
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) stream: Stream,
    /// Share of connections that it strikes, 0 to 1.
    pub(super) toxicity: f32,
    #[serde(flatten)]
    pub(super) kind: Kind,
}

impl Toxic {
    /// Reads the body of a create request. Stream defaults to downstream, toxicity to 1, the name to `{type}_{stream}`.
    pub(super) fn parse(body: &[u8], id: u64) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            name: String,
            #[serde(default)]
            r#type: String,
            stream: Option<String>,
            toxicity: Option<f32>,
            attributes: Option<Map<String, Value>>,
        }
        let body: Body = parse(body)?;
        let stream = match body.stream.map(|stream| stream.to_lowercase()).as_deref() {
            None | Some("downstream") => Stream::Downstream,
            Some("upstream") => Stream::Upstream,
            Some(_) => return Err(Problem::InvalidStream),
        };
        let kind = Kind::parse(&body.r#type, body.attributes.unwrap_or_default())?;
        let name = match body.name.as_str() {
            "" => format!("{}_{}", body.r#type, stream.name()),
            given => given.to_owned(),
        };
        Ok(Self {
            id,
            name,
            stream,
            toxicity: body.toxicity.unwrap_or(1.0),
            kind,
        })
    }

    /// This toxic with what an update's body gives; what it leaves out stays, and type and stream always do.
    pub(super) fn updated(&self, body: &[u8]) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Body {
            toxicity: Option<f32>,
            attributes: Option<Map<String, Value>>,
        }
        let body: Body = parse(body)?;
        let (kind, mut attributes) = self.kind.parts()?;
        attributes.extend(body.attributes.unwrap_or_default());
        Ok(Self {
            toxicity: body.toxicity.unwrap_or(self.toxicity),
            kind: Kind::parse(&kind, attributes)?,
            ..self.clone()
        })
    }
}
