//! A server that sends back what it is sent, and finishes when its client does.

use std::net::SocketAddr;

use tokio::{net::TcpListener, task::JoinHandle};

pub struct Echo {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Echo {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut clients = tokio::task::JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                clients.spawn(async move {
                    client.set_nodelay(true).unwrap();
                    let (mut from, mut to) = client.split();
                    // A client that breaks off is what these tests are about.
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        Self { address, task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}
