//! What is seen, as server-sent events: first what there was, then each new picture.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Shared;
use crate::run::live::{
    Live,
    hand::Choice,
    picture::{Picture, Sample},
};

/// Says that the lab is still there.
const ALIVE_EACH: Duration = Duration::from_secs(5);

/// What a page has to know before the first picture.
#[derive(Serialize)]
struct Before<'b> {
    choices: &'b [Choice],
    most: u32,
    past: Vec<Sample>,
}

pub(super) async fn events(State(shared): State<Shared>) -> Response {
    let place = match shared.place() {
        Ok(place) => place,
        Err(refused) => return refused.into_response(),
    };
    shared.live.somebody_looks();
    let before = stream::once(std::future::ready(before(&shared.live)));
    let pictures = pictures(shared.live.seen(), place);
    let alive = KeepAlive::new().interval(ALIVE_EACH);
    Sse::new(before.chain(pictures))
        .keep_alive(alive)
        .into_response()
}

fn before(live: &Live) -> Result<Event, Infallible> {
    let hand = live.hand.as_ref();
    let before = Before {
        choices: hand.map_or(&[], |hand| &hand.choices),
        most: hand.map_or(0, |hand| hand.most),
        past: live.samples(),
    };
    Ok(told("before", &before))
}

/// Each picture, up to the last. Who reads slowly misses some.
fn pictures(
    seen: watch::Receiver<Arc<Picture>>,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(Some((seen, true, place)), |state| async {
        let (mut seen, first, place) = state?;
        if !first && seen.changed().await.is_err() {
            return None;
        }
        let picture = seen.borrow_and_update().clone();
        let more = (!picture.over).then_some((seen, false, place));
        Some((Ok(told("picture", &*picture)), more))
    })
}

fn told(name: &str, what: &impl Serialize) -> Event {
    let event = Event::default().event(name);
    event
        .json_data(what)
        .unwrap_or_else(|error| Event::default().comment(error.to_string()))
}
