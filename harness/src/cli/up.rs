//! `lab up`.

use anyhow::Result;
use uuid::Uuid;

use super::{progress::Progress, unless_interrupted};
use crate::{
    os::guard, run::arrange, servers::backend::Wanted, servers::lab::Lab, system::PROCESSES,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    servers: Wanted,
}

pub(super) async fn up(args: Args) -> Result<u8> {
    let shown = Progress::new(1);
    let boot = Lab::start(&args.servers, |line| shown.line(line));
    let lab = unless_interrupted(boot).await?;
    shown.finish();
    let folder = lab.folder().join("up");
    let (system, servers) =
        arrange::stand(&lab, &folder, &format!("up_{}", Uuid::now_v7().simple())).await?;
    let api = system.apis().remove(0).url;
    println!("Postgres   {}", servers.database_url());
    println!("RabbitMQ   {}", servers.amqp_url());
    println!("API        {api}");
    println!("Toxiproxy  http://{}", lab.toxiproxy());
    for member in system.members() {
        if let Some(http) = member.http() {
            println!("{:10} http://{http}/metrics", member.name());
        }
    }
    println!("Logs       {}", folder.display());
    println!(
        "\nTry:\n  \
         curl -s {api}/auctions -H 'content-type: application/json' \\\n    \
           -d '{{\"title\":\"A lamp\",\"currency\":\"EUR\",\"starting_price\":1000,\"closes_at\":\"2099-01-01T00:00:00Z\"}}'\n  \
         curl -s {api}/auctions/AUCTION_ID/bids -H 'content-type: application/json' \\\n    \
           -d '{{\"user_id\":\"ann\",\"amount\":1500}}'\n  \
         curl -N {api}/auctions/AUCTION_ID/live\n  \
         psql {} -c 'SELECT status, count(*) FROM outbox_events GROUP BY 1'\n  \
         curl -s http://{}/proxies\n\nCtrl-C ends everything.",
        servers.database_url(),
        lab.toxiproxy()
    );
    guard::interrupted().await?;
    system.stop(&PROCESSES).await;
    lab.end().await?;
    Ok(0)
}
