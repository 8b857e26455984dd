//! The target's own live feed, passed on: a page may read nothing of another origin's.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};

use futures_util::StreamExt;

use super::Shared;

const LAST_SEEN: HeaderName = HeaderName::from_static("last-event-id");
const DIALLED_WITHIN: Duration = Duration::from_secs(1);
/// A feed that is silent for so long is dead: whoever follows it comes again.
const SILENT: Duration = Duration::from_secs(30);

/// Whoever was told that no process tells it comes again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    let client = reqwest::Client::builder().no_proxy();
    client
        .connect_timeout(DIALLED_WITHIN)
        .read_timeout(SILENT)
        .build()
}

/// Through whichever process answers.
pub(super) async fn feed(
    State(shared): State<Shared>,
    Path(number): Path<usize>,
    headers: HeaderMap,
) -> Response {
    let place = match shared.place() {
        Ok(place) => place,
        Err(refused) => return refused.into_response(),
    };
    let Some(feed) = shared.live.feed(number) else {
        return (StatusCode::NOT_FOUND, "there is no such feed\n").into_response();
    };
    for url in &feed.urls {
        let mut asked = shared.http.get(url);
        if let Some(last) = headers.get(&LAST_SEEN) {
            asked = asked.header(LAST_SEEN, last);
        }
        let Ok(answer) = asked.send().await else {
            continue;
        };
        if answer.status() != StatusCode::OK {
            continue;
        }
        let kind = answer.headers().get(CONTENT_TYPE).cloned();
        let body = answer.bytes_stream().inspect(move |_| {
            // Kept for as long as it is read.
            let _place = &place;
        });
        let mut passed = Response::new(Body::from_stream(body));
        if let Some(kind) = kind {
            passed.headers_mut().insert(CONTENT_TYPE, kind);
        }
        return passed;
    }
    // A browser that is told of an error does not come again.
    let nobody = format!(
        "retry: {}\n: no process tells it now\n\n",
        AGAIN_AFTER.as_millis()
    );
    ([(CONTENT_TYPE, "text/event-stream")], nobody).into_response()
}
