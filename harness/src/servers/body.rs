//! What a server runs as, and what may be done to it.

use anyhow::{Result, bail};
use async_trait::async_trait;

use crate::ask::fault::Resource;

/// What a server runs as, and what may be done to it.
#[async_trait]
pub trait Body: Send + Sync {
    /// Starts it again, at the same address and on the same data, and waits until it can work.
    async fn start(&self) -> Result<()>;
    /// An orderly, fast end.
    async fn stop(&self) -> Result<()>;
    /// SIGKILL to all its processes.
    async fn crash(&self) -> Result<()>;
    /// The same, and its files are put back to what their disk has of them.
    async fn cut_power(&self) -> Result<()> {
        bail!("the power can be cut only of a Postgres of the lab's own")
    }
    /// Everything that it has written so far is on its disk.
    async fn flush(&self) -> Result<()> {
        Ok(())
    }
    /// Something else takes all the room that there is on its disk.
    async fn fill_disk(&self) -> Result<()> {
        bail!("only the disk of a Postgres of the lab's own can be filled")
    }
    /// Gives that room back, and starts it again if it could not do without.
    async fn free_disk(&self) -> Result<()> {
        bail!("only the disk of a Postgres of the lab's own can be freed")
    }
    /// Stops all its processes where they stand.
    async fn freeze(&self) -> Result<()>;
    /// Lets them go on.
    async fn thaw(&self) -> Result<()>;
    /// Raises a broker's alarm, or ends it: while it stands, whoever publishes is blocked.
    async fn alarm(&self, _of: Resource, _raised: bool) -> Result<()> {
        bail!("only a broker of the lab's own has an alarm to raise")
    }
}

/// Somebody else's server: used, never broken.
pub struct Elsewhere;

#[async_trait]
impl Body for Elsewhere {
    async fn start(&self) -> Result<()> {
        refuse()
    }
    async fn stop(&self) -> Result<()> {
        refuse()
    }
    async fn crash(&self) -> Result<()> {
        refuse()
    }
    async fn freeze(&self) -> Result<()> {
        refuse()
    }
    async fn thaw(&self) -> Result<()> {
        refuse()
    }
}

fn refuse() -> Result<()> {
    bail!("an external server is not the lab's to stop or start")
}

/// What `rabbitmqctl` is told, so that an alarm stands or ends: how much of the machine's memory the broker may take, or how
/// much of the disk must stay free.
pub(crate) fn alarm(of: Resource, raised: bool) -> [&'static str; 2] {
    match (of, raised) {
        (Resource::Memory, true) => ["set_vm_memory_high_watermark", "0"],
        (Resource::Memory, false) => ["set_vm_memory_high_watermark", "0.4"],
        (Resource::Disk, true) => ["set_disk_free_limit", "1000000GB"],
        (Resource::Disk, false) => ["set_disk_free_limit", "50MB"],
    }
}
