//! Toxiproxy's documented HTTP API, read plainly: every status is checked, every call has a deadline.

use std::{collections::BTreeMap, fmt, net::SocketAddr, time::Duration};

use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{error::EdgeError, toxic::Wanted};

/// How long one call may take. Toxiproxy itself gives up after 25 s; on loopback anything near that is a hang.
const DEADLINE: Duration = Duration::from_secs(10);

/// The reader, and the writer of what the official client cannot say.
#[derive(Debug)]
pub(super) struct Api {
    address: SocketAddr,
    http: reqwest::Client,
}

/// A proxy as read back.
#[derive(Debug, Deserialize)]
pub(super) struct ProxyFound {
    pub(super) listen: String,
    pub(super) upstream: String,
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) toxics: Vec<ToxicFound>,
}

/// A toxic as read back.
#[derive(Debug, Deserialize)]
pub(super) struct ToxicFound {
    name: String,
    pub(super) r#type: String,
    pub(super) stream: String,
    pub(super) toxicity: f32,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, Value>,
}

impl ProxyFound {
    pub(super) fn toxic(&self, name: &str) -> Option<&ToxicFound> {
        self.toxics.iter().find(|toxic| toxic.name == name)
    }

    /// `name`, or the first of `name_2`, `name_3`, … that no toxic bears.
    pub(super) fn free_name(&self, name: &str) -> String {
        let numbered = (2u64..).map(|number| format!("{name}_{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        let free = names.find(|name| self.toxic(name).is_none());
        free.unwrap_or_else(|| name.to_owned())
    }
}

impl ToxicFound {
    /// Whether that is what was wanted.
    pub(super) fn is(&self, wanted: &Wanted) -> bool {
        let attribute = |(name, value): (&&str, &u32)| {
            self.attributes.get(*name).and_then(Value::as_u64) == Some(u64::from(*value))
        };
        self.r#type == wanted.r#type
            && self.stream == wanted.stream
            && (self.toxicity - wanted.toxicity).abs() < 1e-6
            && wanted.attributes.iter().all(attribute)
    }
}

impl fmt::Display for ProxyFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.enabled { "enabled" } else { "disabled" };
        let names: Vec<&str> = self
            .toxics
            .iter()
            .map(|toxic| toxic.name.as_str())
            .collect();
        let (listen, upstream) = (&self.listen, &self.upstream);
        write!(
            f,
            "a proxy from {listen} to {upstream}, {state}, with toxics {names:?}"
        )
    }
}

impl fmt::Display for ToxicFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} (", self.r#type, self.stream)?;
        for (name, value) in &self.attributes {
            write!(f, "{name} {value}, ")?;
        }
        write!(f, "toxicity {})", self.toxicity)
    }
}

impl Api {
    pub(super) fn new(address: SocketAddr) -> Result<Self, EdgeError> {
        // A proxy from the environment must never stand between the lab and its own faults.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(DEADLINE)
            .build();
        let http = http.map_err(|e| EdgeError::Setup {
            reason: e.to_string(),
        })?;
        Ok(Self { address, http })
    }

    pub(super) async fn version(&self) -> Result<String, EdgeError> {
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        let call = Call::new(self, Method::GET, &["version"])?;
        let found: Version = call.read(call.send(None).await?).await?;
        Ok(found.version)
    }

    pub(super) async fn proxy(&self, name: &str) -> Result<Option<ProxyFound>, EdgeError> {
        let call = Call::new(self, Method::GET, &["proxies", name])?;
        let response = call.send(None).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        call.read(response).await.map(Some)
    }

    pub(super) async fn add_toxic(&self, proxy: &str, wanted: &Wanted) -> Result<(), EdgeError> {
        let call = Call::new(self, Method::POST, &["proxies", proxy, "toxics"])?;
        call.checked(call.send(Some(wanted)).await?).await.map(drop)
    }

    pub(super) async fn remove_toxic(&self, proxy: &str, toxic: &str) -> Result<(), EdgeError> {
        let call = Call::new(self, Method::DELETE, &["proxies", proxy, "toxics", toxic])?;
        call.checked(call.send(None).await?).await.map(drop)
    }
}

struct Call<'a> {
    api: &'a Api,
    method: Method,
    url: Url,
}

impl<'a> Call<'a> {
    fn new(api: &'a Api, method: Method, path: &[&str]) -> Result<Self, EdgeError> {
        let address = api.address;
        let mut url = Url::parse(&format!("http://{address}")).map_err(|e| EdgeError::Setup {
            reason: e.to_string(),
        })?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        Ok(Self { api, method, url })
    }

    async fn send(&self, body: Option<&Wanted>) -> Result<Response, EdgeError> {
        let mut request: RequestBuilder =
            self.api.http.request(self.method.clone(), self.url.clone());
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.map_err(|e| self.unreachable(&e))
    }

    async fn checked(&self, response: Response) -> Result<Response, EdgeError> {
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let message = response.text().await.map_err(|e| self.unreachable(&e))?;
        Err(EdgeError::Refused {
            api: self.api.address,
            request: self.name(),
            status,
            message,
        })
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, EdgeError> {
        let response = self.checked(response).await?;
        response.json().await.map_err(|e| self.unreachable(&e))
    }

    fn unreachable(&self, error: &reqwest::Error) -> EdgeError {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
        EdgeError::Unreachable {
            api: self.api.address,
            request: self.name(),
            reason: format!("{error}{}", cause.unwrap_or_default()),
        }
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }
}
