//! A toxic in Toxiproxy's words, and how it is set.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use toxiproxy_rust::proxy::Proxy;

use super::error::EdgeError;
use crate::ask::toxic::{Direction, Toxic, Unsayable};

/// A toxic in Toxiproxy's words.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) r#type: &'static str,
    pub(super) stream: &'static str,
    pub(super) toxicity: f32,
    pub(super) attributes: BTreeMap<&'static str, u32>,
}

impl Wanted {
    pub(super) fn new(
        toxic: &Toxic,
        direction: Direction,
        toxicity: f32,
    ) -> Result<Self, EdgeError> {
        if !(0.0..=1.0).contains(&toxicity) {
            return Err(Unsayable {
                field: "toxicity",
                value: toxicity.to_string(),
                rule: "it is a share from 0 to 1",
            }
            .into());
        }
        let (kind, attributes) = toxic.said()?;
        let stream = direction.stream();
        Ok(Self {
            name: format!("{kind}_{stream}"),
            r#type: kind,
            stream,
            toxicity,
            attributes,
        })
    }

    pub(super) fn official_client_has_it(&self) -> bool {
        self.r#type != "reset_peer"
    }

    /// Sets it through the official client. That it returns says nothing about whether the server agreed.
    pub(super) fn set_on(&self, proxy: &Proxy) -> Result<(), String> {
        let stream = self.stream.to_owned();
        let of = |name: &str| self.attributes.get(name).copied().unwrap_or(0);
        match self.r#type {
            "latency" => proxy.with_latency(stream, of("latency"), of("jitter"), self.toxicity),
            "bandwidth" => proxy.with_bandwidth(stream, of("rate"), self.toxicity),
            "slow_close" => proxy.with_slow_close(stream, of("delay"), self.toxicity),
            "timeout" => proxy.with_timeout(stream, of("timeout"), self.toxicity),
            "limit_data" => proxy.with_limit_data(stream, of("bytes"), self.toxicity),
            "slicer" => proxy.with_slicer(
                stream,
                of("average_size"),
                of("size_variation"),
                of("delay"),
                self.toxicity,
            ),
            other => return Err(format!("it has no verb for a toxic of type {other}")),
        };
        Ok(())
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} (", self.r#type, self.stream)?;
        for (name, value) in &self.attributes {
            write!(f, "{name} {value}, ")?;
        }
        write!(f, "toxicity {})", self.toxicity)
    }
}
