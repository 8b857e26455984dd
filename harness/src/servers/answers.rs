//! Whether a server can work: asked over its own protocol.

use std::net::SocketAddr;

use anyhow::Result;
use lapin::{Connection, ConnectionProperties};
use sqlx::{Connection as _, PgConnection};

use super::{management::Management, rabbitmq::PORT, upstream::resolve};

/// Whether a Postgres answers SQL.
pub(super) async fn postgres(url: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query("SELECT 1").execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Whether a broker speaks AMQP at `url` and answers its management API.
pub(super) async fn rabbitmq(url: &str, management: &Management) -> Result<()> {
    // The port is asked first: the client logs every refused connection.
    tokio::net::TcpStream::connect(resolve(&url.parse()?, PORT).await?).await?;
    management.version().await?;
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    // Kept: a dropped channel closes itself, and gets in the way of its connection's close.
    let _channel = connection.create_channel().await?;
    connection.close(200, "".into()).await?;
    Ok(())
}

/// Whether somebody listens there.
pub(super) async fn toxiproxy(address: SocketAddr) -> Result<()> {
    tokio::net::TcpStream::connect(address).await?;
    Ok(())
}
