//! The honest hand on the faults: what it says is in force has been read back from the Toxiproxy that it drives.
//!
//! Changes go through the official client, `toxiproxy_rust`, wherever it has the verb. That client checks no status and
//! names toxics by kind alone, so a refused fault looks to it like a set one; therefore every change is read back over
//! the same documented API and compared. Works alike against the genuine server and the embedded one.

use std::{net::SocketAddr, sync::Arc};

use toxiproxy_rust::proxy::ProxyPack;

mod api;
mod driver;
mod error;
mod toxic;

use api::{Api, ProxyFound, ToxicFound};
use driver::Driver;
pub use error::EdgeError;
use toxic::Wanted;
pub use toxic::{Direction, Toxic};

/// A Toxiproxy server under control.
#[derive(Debug, Clone)]
pub struct EdgeControl {
    hands: Arc<Hands>,
}

#[derive(Debug)]
struct Hands {
    api: Api,
    driver: Driver,
}

impl EdgeControl {
    /// Takes control of the Toxiproxy whose API is at `api`.
    ///
    /// # Errors
    /// When nothing there answers as a Toxiproxy of major version 2.
    pub async fn connect(api: SocketAddr) -> Result<Self, EdgeError> {
        let reader = Api::new(api)?;
        let version = reader.version().await?;
        if !version.starts_with("2.") {
            return Err(EdgeError::Version { api, version });
        }
        let driver = Driver::start(api)?;
        Ok(Self {
            hands: Arc::new(Hands {
                api: reader,
                driver,
            }),
        })
    }

    /// Makes a proxy on an ephemeral loopback port in front of `upstream`.
    ///
    /// # Errors
    /// When the name is taken or cannot be a path segment, or the proxy was not found as wanted afterwards.
    pub async fn create(&self, name: &str, upstream: SocketAddr) -> Result<Edge, EdgeError> {
        if name.is_empty() || name.contains(['/', '%', '?', '#', '\\']) || name.starts_with('.') {
            return Err(EdgeError::Name {
                name: name.to_owned(),
            });
        }
        // Populate would silently take over a proxy of this name.
        if self.hands.api.proxy(name).await?.is_some() {
            return Err(EdgeError::NameTaken {
                proxy: name.to_owned(),
            });
        }
        let pack = ProxyPack::new(
            name.to_owned(),
            "127.0.0.1:0".to_owned(),
            upstream.to_string(),
        );
        let made = self
            .hands
            .driver
            .run("populate", |client| client.populate(vec![pack]).map(drop));
        made.await?;
        let not_taken = |found: String| EdgeError::NotTaken {
            proxy: name.to_owned(),
            toxic: None,
            wanted: format!("an enabled proxy on a port of its own in front of {upstream}"),
            found,
        };
        let found = self.hands.api.proxy(name).await?;
        let found = found.ok_or_else(|| not_taken("no such proxy".to_owned()))?;
        let address = found
            .listen
            .parse::<SocketAddr>()
            .ok()
            .filter(|address| address.port() != 0);
        match address {
            Some(address) if found.enabled && found.upstream == upstream.to_string() => Ok(Edge {
                hands: Arc::clone(&self.hands),
                name: name.to_owned(),
                address,
            }),
            _ => Err(not_taken(found.to_string())),
        }
    }
}

/// One proxy: an edge of the system that can be broken and healed.
#[derive(Debug, Clone)]
pub struct Edge {
    hands: Arc<Hands>,
    name: String,
    address: SocketAddr,
}

/// A toxic that was found in force on its edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToxicHandle {
    name: String,
}

impl ToxicHandle {
    /// The toxic's name in Toxiproxy.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Edge {
    /// The proxy's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the system under test dials.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a toxic on one direction, for `toxicity` (0 to 1) of the connections.
    ///
    /// # Errors
    /// When the toxic cannot be written in Toxiproxy's units, or was not found as wanted afterwards.
    pub async fn add(
        &self,
        toxic: Toxic,
        direction: Direction,
        toxicity: f32,
    ) -> Result<ToxicHandle, EdgeError> {
        let mut wanted = Wanted::new(&toxic, direction, toxicity)?;
        let before = self.found().await?;
        // The official client knows one name per kind and direction, and no reset_peer.
        let name_is_free = before.toxic(&wanted.name).is_none();
        if name_is_free && wanted.official_client_has_it() {
            let (proxy, wanted) = (self.name.clone(), wanted.clone());
            let added = self.hands.driver.run("add a toxic", move |client| {
                let proxy = client.find_proxy(&proxy)?;
                wanted.set_on(&proxy)
            });
            added.await?;
        } else {
            wanted.name = before.free_name(&wanted.name);
            self.hands.api.add_toxic(&self.name, &wanted).await?;
        }
        let after = self.found().await?;
        match after.toxic(&wanted.name) {
            Some(found) if wanted.is(found) => Ok(ToxicHandle { name: wanted.name }),
            found => Err(EdgeError::NotTaken {
                proxy: self.name.clone(),
                wanted: wanted.to_string(),
                toxic: Some(wanted.name),
                found: found.map_or("no such toxic".to_owned(), ToxicFound::to_string),
            }),
        }
    }

    /// Takes one toxic off.
    ///
    /// # Errors
    /// When the toxic was not there, or is still there afterwards.
    pub async fn remove(&self, toxic: ToxicHandle) -> Result<(), EdgeError> {
        self.hands.api.remove_toxic(&self.name, &toxic.name).await?;
        let after = self.found().await?;
        match after.toxic(&toxic.name) {
            None => Ok(()),
            Some(found) => Err(EdgeError::NotTaken {
                proxy: self.name.clone(),
                wanted: "no such toxic".to_owned(),
                toxic: Some(toxic.name),
                found: found.to_string(),
            }),
        }
    }

    /// Takes the edge down: live connections close, new ones are refused.
    ///
    /// # Errors
    /// When the proxy is not disabled afterwards.
    pub async fn cut(&self) -> Result<(), EdgeError> {
        let name = self.name.clone();
        let cut = self
            .hands
            .driver
            .run("disable", move |client| client.find_proxy(&name)?.disable());
        cut.await?;
        let found = self.found().await?;
        self.expect(!found.enabled, "a disabled proxy", &found)
    }

    /// Takes all toxics off and the edge up again.
    ///
    /// # Errors
    /// When the proxy is not enabled or not free of toxics afterwards.
    pub async fn heal(&self) -> Result<(), EdgeError> {
        let name = self.name.clone();
        let healed = self.hands.driver.run("reset", move |client| {
            client.find_and_reset_proxy(&name).map(drop)
        });
        healed.await?;
        let found = self.found().await?;
        let whole = found.enabled && found.toxics.is_empty();
        self.expect(whole, "an enabled proxy without toxics", &found)
    }

    /// Removes the proxy; its connections close.
    ///
    /// # Errors
    /// When the proxy is still there afterwards.
    pub async fn delete(&self) -> Result<(), EdgeError> {
        let name = self.name.clone();
        let deleted = self
            .hands
            .driver
            .run("delete", move |client| client.find_proxy(&name)?.delete());
        deleted.await?;
        match self.hands.api.proxy(&self.name).await? {
            None => Ok(()),
            Some(found) => self.expect(false, "no such proxy", &found),
        }
    }

    async fn found(&self) -> Result<ProxyFound, EdgeError> {
        let found = self.hands.api.proxy(&self.name).await?;
        found.ok_or_else(|| EdgeError::NotTaken {
            proxy: self.name.clone(),
            toxic: None,
            wanted: "this edge's proxy".to_owned(),
            found: "no such proxy".to_owned(),
        })
    }

    fn expect(&self, met: bool, wanted: &str, found: &ProxyFound) -> Result<(), EdgeError> {
        if met {
            return Ok(());
        }
        Err(EdgeError::NotTaken {
            proxy: self.name.clone(),
            toxic: None,
            wanted: wanted.to_owned(),
            found: found.to_string(),
        })
    }
}
