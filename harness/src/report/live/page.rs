//! The page itself. What it shows comes later, over its stream of events.

use axum::{
    extract::{Path, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};

use super::Shared;
use crate::report::html::STYLE;

/// Modules of one program, by their names.
const SCRIPTS: [(&str, &str); 4] = [
    ("live.js", include_str!("page/live.js")),
    ("charts.js", include_str!("page/charts.js")),
    ("dom.js", include_str!("page/dom.js")),
    ("system.js", include_str!("page/system.js")),
];
const OWN_STYLE: &str = include_str!("page/live.css");

pub(super) async fn script(Path(name): Path<String>) -> Response {
    match SCRIPTS.iter().find(|(own, _)| *own == name) {
        Some((_, text)) => {
            ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], *text).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is nothing of that name\n").into_response(),
    }
}

pub(super) async fn style() -> impl IntoResponse {
    let style = format!("{STYLE}\n{OWN_STYLE}");
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], style)
}

pub(super) async fn page(State(shared): State<Shared>) -> Html<String> {
    Html(shown(shared.live.hand.is_some()).into_string())
}

fn shown(plays: bool) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Outbox lab, live" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="live.css";
                script src="live.js" type="module" {}
            }
            body {
                header {
                    h1 { span id="verdict" class="verdict" { "running" } " " span id="name" { "Outbox lab" } }
                    p id="story" class="sentence" {}
                    p { strong id="stage" { "connecting" } " · " span id="clock" { "0.0 s" } " · " span id="link" role="status" { "not connected yet" } }
                    noscript { p { "This page shows what goes on, and needs its script for that." } }
                }
                main {
                    div class="beside" {
                        div { (system()) (over_time()) }
                        div { @if plays { (controls()) (followed()) } (broken(plays)) }
                    }
                    (feed())
                    section {
                        h2 { "Judged so far" }
                        p class="note" { "A verdict needs rest: everything healed, every answer known, nothing under way." }
                        ol id="verdicts" {}
                        ul id="said" {}
                    }
                }
            }
        }
    }
}

fn system() -> Markup {
    html! {
        section {
            h2 { "System" }
            figure class="wide" {
                svg id="system" viewBox="0 0 960 380" role="group" aria-label="Processes, servers, and the connections between them" {}
            }
            p class="note" { "Numbers on lines: requests and deliveries a second; and connections. What is broken is dashed and says how." }
            dl id="counts" {}
        }
    }
}

fn controls() -> Markup {
    let spans = [
        ("2000", "2 s"),
        ("5000", "5 s"),
        ("15000", "15 s"),
        ("", "until healed"),
    ];
    html! {
        section {
            h2 { "Break something" }
            div class="panel" {
                div {
                    label for="place" { "Where" } " "
                    select id="place" {}
                }
                fieldset {
                    legend { "For how long" }
                    @for (value, name) in spans {
                        label { input type="radio" name="lasts" value=(value) checked[value == "5000"]; " " (name) } " "
                    }
                }
                div id="choices" role="group" aria-label="What is done there" {}
            }
            p id="answer" role="status" {}
            h2 { "Load" }
            div class="panel" {
                label for="rate" { "Operations a second" } " "
                input id="rate" type="range" min="0" max="100" value="0" step="1"; " "
                output id="rated" for="rate" { "0" } " "
                button id="one" type="button" { "One operation, and follow it" }
            }
            div class="panel" {
                button id="judge" type="button" { "Heal, come to rest, and judge" } " "
                button id="end" type="button" { "End the run" }
            }
        }
    }
}

fn over_time() -> Markup {
    html! {
        section {
            h2 { "Over time" }
            p class="note" {
                span class="key blue" { "told stored, a second" } span class="key orange" { "refused or not told, a second" }
            }
            figure { svg id="answers" viewBox="0 0 960 120" role="img" aria-label="Answers a second" {} }
            p class="note" { span class="key blue" { "backlog: events that wait" } }
            figure { svg id="backlog" viewBox="0 0 960 120" role="img" aria-label="Backlog" {} }
            p class="note" {
                span class="key blue" { "heard, a second" } span class="key orange" { "took effect, a second" }
                " · hatched: something is broken"
            }
            figure { svg id="heard" viewBox="0 0 960 120" role="img" aria-label="Deliveries a second" {} }
        }
    }
}

fn broken(plays: bool) -> Markup {
    html! {
        section {
            h2 { "Broken" }
            div class="wide" {
                table {
                    thead { tr {
                        th scope="col" { "Where" } th scope="col" { "What" } th scope="col" { "How far" } th scope="col" { "Did" }
                        th scope="col" { "Made good after" } @if plays { th scope="col" { "Heal" } }
                    } }
                    tbody id="faults" {}
                }
            }
        }
    }
}

fn followed() -> Markup {
    html! {
        section {
            h2 { "One operation on its way" }
            p id="followed-id" class="note" { "Ask for one, and see each step that is taken with it." }
            ol id="followed" tabindex="0" aria-label="Its steps" {}
        }
    }
}

fn feed() -> Markup {
    html! {
        section id="feeds" hidden {
            h2 { "What the service tells those who follow it" }
            label for="feed" { "Feed" } " "
            select id="feed" {}
            ol id="told" {}
        }
    }
}
