//! Operations over HTTP.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use anyhow::{Result, ensure};
use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use outbox_harness::run::write::{Answer, Ask, Fate, Step};
use tokio::{net::TcpListener, time::Instant};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    cases,
    shop::{WITNESS, by_http},
    site::Site,
};

cases!(
    a_request_says_what_the_file_says,
    each_answer_means_what_the_file_says,
    who_is_asked_again_decides_it,
    a_look_decides_it,
    what_nobody_says_stays_open,
);

/// What a request was.
type Request = (String, HeaderMap, String);

/// A shop that answers as it is told.
struct Shop {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    _serving: AbortOnDropHandle<()>,
}

type Answers = Arc<dyn Fn(usize) -> Response + Send + Sync>;
type Kept = (Arc<Mutex<Vec<Request>>>, Answers);

impl Shop {
    /// Answers its writes, counted from 0, as `answers` says; questions with 200 for an id that was written, else 404.
    async fn open(answers: impl Fn(usize) -> Response + Send + Sync + 'static) -> Result<Self> {
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let answers: Answers = Arc::new(answers);
        let router = Router::new()
            .route("/orders/{key}", post(take))
            .route("/find/{id}", get(find))
            .with_state((requests.clone(), answers));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Ok(Self {
            address,
            requests,
            _serving: AbortOnDropHandle::new(serving),
        })
    }

    fn url(&self) -> Option<String> {
        Some(format!("http://{}", self.address))
    }
}

async fn take(
    State((requests, answers)): State<Kept>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = String::from_utf8_lossy(&body).into_owned();
    let count = {
        let mut requests = requests.lock().unwrap();
        requests.push((key, headers, body));
        requests.len() - 1
    };
    answers(count)
}

async fn find(State((requests, _)): State<Kept>, Path(id): Path<String>) -> StatusCode {
    let known = requests
        .lock()
        .unwrap()
        .iter()
        .any(|(.., body)| body.contains(&id));
    if known {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    }
}

const JSON: &str = "json = { id = \"{{id}}\" }";

async fn a_request_says_what_the_file_says(site: &Site) -> Result<()> {
    let shop = Shop::open(|_| StatusCode::CREATED.into_response()).await?;
    let id = site.id(7, 3);
    let said = "headers = { x-token = \"{{token}}\" }\njson = { id = \"{{id}}\", lines = [1, { n = \"{{number}}\" }] }";
    let writer = site.writer(&by_http(said, WITNESS)?, shop.url())?;
    let steps = Mutex::new(Vec::new());
    writer
        .write(Ask::of(id), |step| steps.lock().unwrap().push(step))
        .await?;
    let plain = "headers = { Content-Type = \"application/xml\" }\nbody = \"<id>{{id}}</id>\"";
    let writer = site.writer(&by_http(plain, WITNESS)?, shop.url())?;
    writer.write(Ask::of(id), |_| ()).await?;
    let requests = shop.requests.lock().unwrap().clone();
    let [(key, headers, body), (_, plain_headers, plain_body)] = &requests[..] else {
        anyhow::bail!("{} requests", requests.len())
    };
    ensure!(key == "00007" && headers["x-token"] == id.token().as_str());
    ensure!(headers["content-type"] == "application/json");
    let number = id.number().expect("a number").to_string();
    let expected = serde_json::json!({ "id": id.uuid(), "lines": [1, { "n": number }] });
    ensure!(
        serde_json::from_str::<serde_json::Value>(body)? == expected,
        "{body}"
    );
    ensure!(plain_headers["content-type"] == "application/xml");
    ensure!(*plain_body == format!("<id>{}</id>", id.uuid()));
    let asked = Step::Asked {
        via: "api 1".to_owned(),
        inquiry: false,
    };
    ensure!(steps.into_inner()?[0] == asked);
    Ok(())
}

async fn each_answer_means_what_the_file_says(site: &Site) -> Result<()> {
    let shop = Shop::open(|count| match count {
        0 => (StatusCode::OK, "fine").into_response(),
        1 => (StatusCode::UNPROCESSABLE_ENTITY, "no").into_response(),
        2 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        3 => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, "/orders/2")]).into_response(),
        // The connection ends without an answer, and without a word on the test's output.
        _ => std::panic::resume_unwind(Box::new("cut")),
    })
    .await?;
    let writer = site.writer(&by_http(JSON, WITNESS)?, shop.url())?;
    let mut answers = Vec::new();
    for number in 0..5 {
        // Keys of their own: an answer that decides nothing holds up its key.
        let (answer, _) = writer
            .write(Ask::of(site.id(number as u16, number)), |_| ())
            .await?;
        answers.push(answer);
    }
    ensure!(
        answers[0]
            == Answer::Accepted {
                said: "200 OK: \"fine\"".to_owned()
            }
    );
    ensure!(
        answers[1]
            == Answer::Refused {
                said: "422 Unprocessable Entity: \"no\"".to_owned()
            }
    );
    ensure!(
        matches!(&answers[2], Answer::Unknown { said: Some(_), .. }),
        "{}",
        answers[2]
    );
    ensure!(
        matches!(answers[3], Answer::Nonsense { .. }),
        "{}",
        answers[3]
    );
    ensure!(
        matches!(answers[4], Answer::Unknown { said: None, .. }),
        "{}",
        answers[4]
    );
    let asked = shop.requests.lock().unwrap().len();
    ensure!(
        asked == 5,
        "redirects are not followed and nothing is asked twice: {asked} requests"
    );
    Ok(())
}

async fn who_is_asked_again_decides_it(site: &Site) -> Result<()> {
    let shop = Shop::open(|count| match count {
        0 | 1 => StatusCode::BAD_GATEWAY.into_response(),
        _ => StatusCode::OK.into_response(),
    })
    .await?;
    let writer = site.writer(
        &by_http(&format!("{JSON}\nagain = true"), WITNESS)?,
        shop.url(),
    )?;
    let steps = Mutex::new(Vec::new());
    let written = writer.write(Ask::of(site.id(1, 1)), |step| {
        steps.lock().unwrap().push(step)
    });
    let (answer, fate) = written.await?;
    ensure!(
        answer.is_open() && fate == Some(Fate::Stored),
        "{answer} {fate:?}"
    );
    let inquiries = steps.into_inner()?;
    let inquiries = inquiries
        .iter()
        .filter(|step| matches!(step, Step::Asked { inquiry: true, .. }));
    ensure!(inquiries.count() == 2);
    Ok(())
}

async fn a_look_decides_it(site: &Site) -> Result<()> {
    let shop = Shop::open(|_| StatusCode::BAD_GATEWAY.into_response()).await?;
    let look = format!("[look]\nanswer = \"GET {{{{api}}}}/find/{{{{id}}}}\"\n{WITNESS}");
    let writer = site.writer(&by_http(JSON, &look)?, shop.url())?;
    let (_, fate) = writer.write(Ask::of(site.id(1, 1)), |_| ()).await?;
    ensure!(fate == Some(Fate::Stored), "{fate:?}");
    let deadline = Instant::now() + std::time::Duration::from_secs(5);
    let never_asked = Ask::of(site.id(1, 2));
    let fate = writer.settle(never_asked, deadline, |_| ()).await?;
    ensure!(fate == Fate::Absent { is_final: false }, "{fate:?}");

    site.sql("CREATE TABLE orders (note text)").await?;
    let business = format!("[look]\nbusiness = \"orders\"\n{WITNESS}");
    let writer = site.writer(&by_http(JSON, &business)?, shop.url())?;
    let fate = writer.settle(never_asked, deadline, |_| ()).await?;
    ensure!(fate == Fate::Absent { is_final: false }, "{fate:?}");
    let id = site.id(1, 2).uuid().simple().to_string().to_uppercase();
    site.sql(&format!(
        "INSERT INTO orders VALUES ('an order, {id}, in a text')"
    ))
    .await?;
    let fate = writer.settle(never_asked, deadline, |_| ()).await?;
    ensure!(fate == Fate::Stored, "{fate:?}");
    Ok(())
}

async fn what_nobody_says_stays_open(site: &Site) -> Result<()> {
    let shop = Shop::open(|_| StatusCode::BAD_GATEWAY.into_response()).await?;
    let writer = site.writer(&by_http(JSON, WITNESS)?, shop.url())?;
    let (_, fate) = writer.write(Ask::of(site.id(1, 1)), |_| ()).await?;
    ensure!(
        matches!(&fate, Some(Fate::Open { why }) if why.contains("neither business nor answer")),
        "{fate:?}"
    );
    Ok(())
}
