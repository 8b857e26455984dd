//! Who is let in: whoever knows the token, from this machine, and from no page of somebody else's.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use rand::Rng as _;

/// What a page of this origin may do: nothing that leaves it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The way in.
#[derive(Debug)]
pub(super) struct Door {
    token: String,
    /// By which names this machine's own loopback is called at this port: another name for it is somebody else's.
    hosts: [String; 2],
}

impl Door {
    /// With a token of 128 bits that nobody can know.
    pub fn of(port: u16) -> Self {
        let bytes: [u8; 16] = rand::rng().random();
        let mut token = String::new();
        for byte in bytes {
            let _ = write!(token, "{byte:02x}");
        }
        Self {
            token,
            hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
        }
    }

    pub fn path(&self) -> String {
        format!("/{}", self.token)
    }

    pub fn url(&self) -> String {
        format!("http://{}/{}/", self.hosts[0], self.token)
    }

    /// Why somebody is not let in.
    fn refuses(&self, path: &str, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        let said = |name: HeaderName| headers.get(name).map(HeaderValue::as_bytes);
        let own = |host: &[u8]| self.hosts.iter().any(|own| own.as_bytes() == host);
        if !said(HOST).is_some_and(own) {
            return Some((
                StatusCode::MISDIRECTED_REQUEST,
                "this is not the name of this lab\n",
            ));
        }
        let origin = said(ORIGIN);
        let foreign =
            origin.is_some_and(|origin| !origin.strip_prefix(b"http://").is_some_and(own));
        let site = said(HeaderName::from_static("sec-fetch-site"));
        // A link that somebody follows by hand is `none`.
        let elsewhere = site.is_some_and(|site| !matches!(site, b"same-origin" | b"none"));
        if foreign || elsewhere {
            return Some((
                StatusCode::FORBIDDEN,
                "a page of somebody else's may ask for nothing here\n",
            ));
        }
        let first = path.split('/').nth(1).unwrap_or_default();
        let unequal = first
            .bytes()
            .zip(self.token.bytes())
            .fold(0, |unequal, (one, other)| unequal | (one ^ other));
        match first.len() == self.token.len() && unequal == 0 {
            true => None,
            false => Some((
                StatusCode::NOT_FOUND,
                "the whole address is printed by the lab, with its token\n",
            )),
        }
    }
}

/// Lets nobody else in, and nothing out.
pub(super) async fn guard(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let mut answer = match door.refuses(request.uri().path(), request.headers()) {
        Some(refused) => refused.into_response(),
        None => next.run(request).await,
    };
    let headers = answer.headers_mut();
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}
