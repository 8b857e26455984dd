//! What clients ask, and what becomes of it.

use serde::{Deserialize, Serialize};

use super::Content;

/// Why a client asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The scenario's workload.
    #[default]
    Workload,
    /// An earlier answer left it open; the same is asked again until it is known.
    Inquiry,
    /// Before anything is broken: is what is written heard?
    WarmUp,
    /// Everything is healed: does the whole way work, through this process and for this key?
    Canary,
}

/// How an invocation ended, as its client knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Outcome {
    /// A definite yes: it is stored.
    Accepted {
        /// HTTP status, where it was asked for by HTTP.
        status: Option<u16>,
        /// Its place within its key, where the answer says it.
        #[serde(default)]
        n: Option<i64>,
        /// What else the answer says of it.
        #[serde(default, skip_serializing_if = "Content::is_empty")]
        content: Content,
    },
    /// A definite no: it is not stored.
    Refused {
        /// HTTP status, where it was asked for by HTTP.
        status: Option<u16>,
        /// The reason, in the target's words, such as `bid_too_low`.
        code: String,
    },
    /// 5xx, a timeout, a cut connection: it may have happened.
    Unknown {
        /// HTTP status where there was an answer.
        status: Option<u16>,
        /// What the client saw.
        reason: String,
    },
    /// An answer that no contract allows, such as another one's body or a redirect. It may have happened.
    Nonsense {
        /// HTTP status, where there was one.
        status: Option<u16>,
        /// What is wrong with it.
        reason: String,
    },
}
