//! The honest hand on the faults: what it says is in force has been read back from the Toxiproxy that it drives.
//!
//! Changes go through the official client, `toxiproxy_rust`, wherever it has the verb. That client checks no status and
//! names toxics by kind alone, so a refused fault looks to it like a set one; therefore every change is read back over
//! the same documented API and compared. Works alike against the genuine server and the embedded one.

use std::{net::SocketAddr, sync::Arc};

use tokio::sync::Mutex;
use toxiproxy_rust::proxy::ProxyPack;

mod api;
mod driver;
mod error;
mod toxic;

use api::{Api, ProxyFound, ToxicFound};
use driver::Driver;
pub use error::EdgeError;
use toxic::Wanted;

use crate::ask::toxic::{Direction, Toxic};

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
                cuts: Arc::default(),
            }),
            _ => Err(not_taken(found.to_string())),
        }
    }
}

/// One proxy: an edge of the system that can be broken and healed.
///
/// Whoever breaks it gets a handle, and takes off with it what they set and nothing else: of two that overlap, neither
/// heals the other.
#[derive(Debug, Clone)]
pub struct Edge {
    hands: Arc<Hands>,
    name: String,
    address: SocketAddr,
    /// The cuts in force. Locked during every change: two that find the same toxic's name free at once would both take
    /// it, and then both own one toxic.
    cuts: Arc<Mutex<u32>>,
}

/// A toxic that was found in force on its edge.
#[derive(Debug, PartialEq, Eq)]
pub struct ToxicHandle {
    name: String,
}

/// One of the cuts that keep an edge down.
#[derive(Debug)]
pub struct CutHandle(());

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
        let _changing = self.cuts.lock().await;
        let before = self.found().await?;
        // The official client knows one name per kind and direction, and no reset_peer.
        let officially = before.toxic(&wanted.name).is_none() && wanted.official_client_has_it();
        wanted.name = before.free_name(&wanted.name);
        match self.set(&wanted, officially).await {
            Ok(()) => Ok(ToxicHandle { name: wanted.name }),
            Err(error) => {
                let taken_back = self.take_off(&wanted.name).await;
                Err(self.unless_left(error, taken_back))
            }
        }
    }

    async fn set(&self, wanted: &Wanted, officially: bool) -> Result<(), EdgeError> {
        if officially {
            let (proxy, wanted) = (self.name.clone(), wanted.clone());
            let added = self.hands.driver.run("add a toxic", move |client| {
                let proxy = client.find_proxy(&proxy)?;
                wanted.set_on(&proxy)
            });
            added.await?;
        } else {
            self.hands.api.add_toxic(&self.name, wanted).await?;
        }
        match self.found().await?.toxic(&wanted.name) {
            Some(found) if found.is(wanted) => Ok(()),
            found => Err(EdgeError::NotTaken {
                proxy: self.name.clone(),
                wanted: wanted.to_string(),
                toxic: Some(wanted.name.clone()),
                found: found.map_or("no such toxic".to_owned(), ToxicFound::to_string),
            }),
        }
    }

    /// Takes one toxic off, and leaves all others.
    ///
    /// # Errors
    /// When the toxic was not there, or is still there afterwards.
    pub async fn remove(&self, toxic: ToxicHandle) -> Result<(), EdgeError> {
        let _changing = self.cuts.lock().await;
        self.hands.api.remove_toxic(&self.name, &toxic.name).await?;
        self.expect_gone(toxic.name).await
    }

    /// Takes a toxic off, if it is there.
    async fn take_off(&self, toxic: &str) -> Result<(), EdgeError> {
        if self.found().await?.toxic(toxic).is_none() {
            return Ok(());
        }
        self.hands.api.remove_toxic(&self.name, toxic).await?;
        self.expect_gone(toxic.to_owned()).await
    }

    async fn expect_gone(&self, toxic: String) -> Result<(), EdgeError> {
        match self.found().await?.toxic(&toxic) {
            None => Ok(()),
            Some(found) => Err(EdgeError::NotTaken {
                proxy: self.name.clone(),
                wanted: "no such toxic".to_owned(),
                found: found.to_string(),
                toxic: Some(toxic),
            }),
        }
    }

    /// Takes the edge down: live connections close, new ones are refused, until this and every other cut is mended.
    ///
    /// # Errors
    /// When the proxy is not disabled afterwards.
    pub async fn cut(&self) -> Result<CutHandle, EdgeError> {
        let mut cuts = self.cuts.lock().await;
        match self.switch(false).await {
            Ok(()) => {
                *cuts += 1;
                Ok(CutHandle(()))
            }
            Err(error) if *cuts > 0 => Err(error),
            Err(error) => {
                let taken_back = self.switch(true).await;
                Err(self.unless_left(error, taken_back))
            }
        }
    }

    /// Takes one cut back. With the last one the edge is up again.
    ///
    /// # Errors
    /// When the proxy is not as the cuts that are left demand.
    pub async fn mend(&self, _cut: CutHandle) -> Result<(), EdgeError> {
        let mut cuts = self.cuts.lock().await;
        self.switch(*cuts <= 1).await?;
        *cuts = cuts.saturating_sub(1);
        Ok(())
    }

    async fn switch(&self, up: bool) -> Result<(), EdgeError> {
        let name = self.name.clone();
        let (verb, wanted) = match up {
            true => ("enable", "an enabled proxy"),
            false => ("disable", "a disabled proxy"),
        };
        let switched = self.hands.driver.run(verb, move |client| {
            let proxy = client.find_proxy(&name)?;
            match up {
                true => proxy.enable(),
                false => proxy.disable(),
            }
        });
        switched.await?;
        let found = self.found().await?;
        self.expect(found.enabled == up, wanted, &found)
    }

    /// Why a change was not made, and, where it could not be taken back, that it may be half in force.
    fn unless_left(&self, cause: EdgeError, taken_back: Result<(), EdgeError>) -> EdgeError {
        match taken_back {
            Ok(()) => cause,
            Err(resisted) => EdgeError::Left {
                proxy: self.name.clone(),
                cause: Box::new(cause),
                resisted: Box::new(resisted),
            },
        }
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
