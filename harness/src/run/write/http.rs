//! Operations over HTTP, and questions about them.

use std::time::Duration;

use anyhow::Result;
use reqwest::{Method as Verb, StatusCode, redirect, retry};

use super::answer::Answer;
use crate::{
    ask::target::{
        placeholder::Values,
        request::{Method, Request},
        status::{Meaning, Statuses},
        write::{Body, Http},
    },
    run::about::excerpt,
};

/// How long a client waits before it gives up without knowing.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A client that asks once, follows nobody and goes through no proxy.
pub(super) fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .build()?)
}

/// Asks for an operation.
pub(super) async fn write(
    client: &reqwest::Client,
    http: &Http,
    values: &Values,
) -> Result<Answer> {
    let url = http.request.url.render(values)?;
    let mut request = client.request(verb(http.request.method), url);
    // Before the body, which brings a type of its own where none is said.
    for (name, text) in &http.headers {
        request = request.header(name, text.render(values)?);
    }
    request = match &http.body {
        Body::None => request,
        Body::Json(json) => request.json(&json.render(values)?),
        Body::Text(text) => request.body(text.render(values)?),
    };
    let answered = match request.send().await {
        Ok(answered) => answered,
        Err(error) => {
            return Ok(Answer::Unknown {
                said: None,
                reason: root_cause(&error),
            });
        }
    };
    let status = answered.status();
    Ok(match answered.bytes().await {
        Ok(body) => meaning(&http.statuses, status, &body),
        Err(error) => Answer::Unknown {
            said: Some(status.to_string()),
            reason: format!("the answer broke off: {}", root_cause(&error)),
        },
    })
}

/// What an answer says of an operation.
fn meaning(statuses: &Statuses, status: StatusCode, body: &[u8]) -> Answer {
    let said = match body {
        [] => status.to_string(),
        body => format!("{status}: {}", excerpt(body)),
    };
    match statuses.meaning(status.as_u16()) {
        Meaning::Accepted => Answer::Accepted { said },
        Meaning::Refused => Answer::Refused { said },
        Meaning::Unknown if status.is_redirection() || status.is_informational() => {
            Answer::Nonsense {
                said,
                reason: "it leads elsewhere, and the file takes no such answer for a yes or a no"
                    .to_owned(),
            }
        }
        Meaning::Unknown => Answer::Unknown {
            said: Some(said),
            reason: "a status that the file takes neither for a yes nor for a no".to_owned(),
        },
    }
}

/// What a question about an operation was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// It is stored.
    Stored,
    /// It is not, for now.
    Absent,
    /// Nobody says.
    Unsaid(String),
}

/// Asks whether an operation was done.
pub(super) async fn look(
    client: &reqwest::Client,
    request: &Request,
    values: &Values,
) -> Result<Found> {
    let url = request.url.render(values)?;
    let answered = match client.get(url).send().await {
        Ok(answered) => answered,
        Err(error) => return Ok(Found::Unsaid(root_cause(&error))),
    };
    Ok(match answered.status() {
        StatusCode::OK => Found::Stored,
        StatusCode::NOT_FOUND => Found::Absent,
        other => Found::Unsaid(format!(
            "{request} was answered {other}, neither 200 nor 404"
        )),
    })
}

fn verb(method: Method) -> Verb {
    match method {
        Method::Get => Verb::GET,
        Method::Post => Verb::POST,
        Method::Put => Verb::PUT,
        Method::Patch => Verb::PATCH,
        Method::Delete => Verb::DELETE,
    }
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::target::{Target, write::How};

    const TARGET: &str = r#"
        name = "shop"
        promise = { order = "none" }
        [write]
        http = "POST {{api}}/orders"
        json = { id = "{{id}}" }
        accepted = [202]
        [witness]
        exchange = "shop.events"
        [[process]]
        plays = ["api", "relay"]
        run = "./shop"
        env = { PORT = "{{port.http}}", DB = "{{postgres.url}}", MQ = "{{rabbitmq.url}}" }
    "#;

    fn says(status: u16, body: &str) -> Answer {
        let target = Target::read(TARGET).expect("a target");
        let How::Http(http) = target.write.how else {
            panic!("no request")
        };
        let status = StatusCode::from_u16(status).expect("a status");
        meaning(&http.statuses, status, body.as_bytes())
    }

    #[test]
    fn an_answer_means_what_the_file_says_and_is_quoted() {
        assert_eq!(says(202, "").to_string(), "accepted (202 Accepted)");
        assert_eq!(
            says(422, "too late").to_string(),
            "refused (422 Unprocessable Entity: \"too late\")"
        );
        for open in [200, 429, 500, 503] {
            assert!(matches!(says(open, ""), Answer::Unknown { .. }), "{open}");
        }
        assert!(matches!(says(307, ""), Answer::Nonsense { .. }));
        assert!(says(307, "").is_open() && says(503, "").is_open() && !says(422, "").is_open());
    }
}
