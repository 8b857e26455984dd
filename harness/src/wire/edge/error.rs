//! What can go wrong when an edge is changed.

use std::{net::SocketAddr, time::Duration};

use crate::ask::toxic::Unsayable;

/// A change to an edge that was not made, or cannot be shown to have been made.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// Nothing usable answers at the API's address.
    #[error(
        "Toxiproxy at {api} gave no usable answer to `{request}`: {reason}; check that it runs and that this is its API's address"
    )]
    Unreachable {
        /// The API.
        api: SocketAddr,
        /// Method and path.
        request: String,
        /// What happened instead.
        reason: String,
    },
    /// The server answers, but with another API.
    #[error(
        "the server at {api} says it is version {version}; this lab drives the API of Toxiproxy 2"
    )]
    Version {
        /// The API.
        api: SocketAddr,
        /// What it said.
        version: String,
    },
    /// The server refused a request.
    #[error("Toxiproxy at {api} refused `{request}` with {status}: {message}")]
    Refused {
        /// The API.
        api: SocketAddr,
        /// Method and path.
        request: String,
        /// HTTP status.
        status: u16,
        /// The server's own words.
        message: String,
    },
    /// The official client failed, panics included.
    #[error(
        "the Toxiproxy client could not {verb}: {reason}; whether the change was made is unknown"
    )]
    Client {
        /// What it was asked to do.
        verb: &'static str,
        /// Its error or panic message.
        reason: String,
    },
    /// The official client did not come back.
    #[error(
        "the Toxiproxy client did not finish `{verb}` within {deadline:?}; whether the change was made is unknown"
    )]
    Deadline {
        /// What it was asked to do.
        verb: &'static str,
        /// How long it was given.
        deadline: Duration,
    },
    /// The server said yes, or nothing, and did otherwise.
    #[error("proxy `{proxy}`{}: wanted {wanted}, found {found}; the fault is not in force as asked, so do not trust the run", .toxic.as_ref().map(|t| format!(", toxic `{t}`")).unwrap_or_default())]
    NotTaken {
        /// The proxy.
        proxy: String,
        /// The toxic, if one was concerned.
        toxic: Option<String>,
        /// What was asked for.
        wanted: String,
        /// What was read back.
        found: String,
    },
    /// A change failed, and so did taking it back.
    #[error(
        "proxy `{proxy}`: {cause}; taking it back failed, too: {resisted}; it may be half in force, so do not trust the run"
    )]
    Left {
        /// The proxy.
        proxy: String,
        /// Why the change was not made.
        cause: Box<EdgeError>,
        /// Why it could not be taken back.
        resisted: Box<EdgeError>,
    },
    /// A proxy of that name is there already.
    #[error("proxy `{proxy}` is there already; delete it or take another name")]
    NameTaken {
        /// The name.
        proxy: String,
    },
    /// The name cannot stand in a path.
    #[error(
        "`{name}` cannot name a proxy; it must not be empty, begin with a dot or contain / \\ % ? #"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// Toxiproxy's units cannot say what was asked for.
    #[error(transparent)]
    Unsayable(#[from] Unsayable),
    /// The thread or HTTP client that drives Toxiproxy could not be set up.
    #[error("could not set up a Toxiproxy client: {reason}")]
    Setup {
        /// Why.
        reason: String,
    },
}
