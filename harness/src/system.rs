//! The system under test: whatever a target file describes, every connection over an edge of its own.

mod addresses;
mod bypass;
mod cast;
mod edges;
mod keeper;
mod launch;
mod life;
mod manners;
mod member;
mod place;
mod ports;
mod program;
mod running;
mod setup;
mod sign;
mod staging;

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::{join_all, try_join_all};
use tokio::sync::Mutex;

use crate::{
    ask::fault::{Party, Role, Server},
    ask::target::{
        placeholder::{Placeholder, Values},
        process::{Plays, Process, Program, Ready},
    },
    os::causes::Causes,
    servers::upstream::Upstream,
    wire::edge::EdgeControl,
    wire::tap::Link,
};
use addresses::Addresses;
pub use bypass::Bypass;
use cast::{Part, cast};
pub use edges::Way;
use edges::{Edges, End, Wired};
use keeper::Keeper;
use launch::{Launch, surroundings};
use manners::Manners;
pub use member::Member;
pub use place::Place;
use ports::Ports;
use program::SERVICE;
pub use program::{as_service, as_toy, as_zoo};
pub use setup::Setup;
use sign::Sign;
pub use staging::Staging;

/// The roles that are processes of the system under test.
pub const PROCESSES: [Role; 3] = [Role::Api, Role::Relay, Role::Consumer];
/// How long a command of an operator may take.
const OPERATED_WITHIN: Duration = Duration::from_secs(30);

/// What is behind the edges.
#[derive(Debug, Clone)]
pub struct Servers {
    /// The scenario's database.
    pub database: Upstream,
    /// The scenario's vhost.
    pub vhost: Upstream,
    /// The broker's management API.
    pub management: Upstream,
    /// Where the broker speaks STOMP, if it does.
    pub stomp: Option<SocketAddr>,
}

/// A running system. Dropping it kills its processes.
pub struct System {
    // Dropped first: nobody starts again what is being killed.
    _keepers: Vec<Keeper>,
    members: Vec<Arc<Member>>,
    edges: Vec<Wired>,
    writes_to: Option<String>,
    operator: Option<Launch>,
}

/// A process of the API, as clients know it.
#[derive(Debug, Clone)]
pub struct Api {
    /// `api 1`.
    pub name: String,
    /// Its base URL, over its edge.
    pub url: String,
}

impl System {
    /// Makes the edges and starts the processes, and waits until each can work: those that play nothing before all others.
    /// Without `control` there are no edges: every process dials its servers itself, as a benchmark wants it.
    pub async fn start(
        staging: &Staging<'_>,
        servers: &Servers,
        control: Option<&EdgeControl>,
        place: &Place,
    ) -> Result<Self> {
        let mut edges = Edges::new(control, &place.name, place.told.clone());
        let mut members = Vec::new();
        for part in cast(staging) {
            let name = part.name();
            let line = part.process.line;
            let member = member(&part, staging, servers, &mut edges, place).await;
            let member =
                member.with_context(|| format!("{name}, line {line} of the target's file"))?;
            members.push(Arc::new(member));
        }
        let writes_to = match staging.target.write.is_http() {
            true => None,
            false => Some(way_to_write(servers, &mut edges).await?),
        };
        let system = Self {
            _keepers: members.iter().filter_map(Keeper::of).collect(),
            members,
            edges: edges.all,
            writes_to,
            operator: operator(staging, servers, place)?,
        };
        for side in [true, false] {
            let wave = system.members.iter();
            let wave = wave.filter(|member| member.roles().is_empty() == side);
            try_join_all(wave.map(|member| async {
                member.start().await?;
                member.wait_for_start().await
            }))
            .await?;
        }
        Ok(system)
    }

    /// The API's processes, over their edges.
    pub fn apis(&self) -> Vec<Api> {
        let apis = self.members.iter().filter(|member| member.plays(Role::Api));
        apis.filter_map(|api| {
            let in_front = |wired: &&Wired| wired.end == End::Process && wired.process == api.name;
            let wired = self.edges.iter().find(in_front);
            let address = match wired {
                Some(wired) => wired.link.address(),
                None => api.http()?,
            };
            Some(Api {
                name: api.name(),
                url: format!("http://{address}"),
            })
        })
        .collect()
    }

    /// Where the lab's clients write transactions, over their edge; none where they ask a process.
    pub fn writes_to(&self) -> Option<String> {
        self.writes_to.clone()
    }

    /// Has an operator give the service of this repository a command, and waits until it is carried out.
    pub async fn operate(&self, command: &[&str]) -> Result<()> {
        let operator = self.operator.as_ref().with_context(|| {
            format!("{command:?} is a command of {SERVICE}, and another program is judged")
        })?;
        let process = operator.with(command).spawn().await?;
        let ended = process.wait(OPERATED_WITHIN).await?;
        ensure!(ended.success(), "{command:?}: {ended}: {}", process.tail());
        Ok(())
    }

    /// Whether it is the service of this repository, of which more is known than its file says.
    pub fn is_our_service(&self) -> bool {
        self.operator.is_some()
    }

    /// All processes.
    pub fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// The processes that `party` means.
    pub fn members_of(&self, party: Party) -> Result<Vec<Arc<Member>>> {
        let meant = self.members.iter().filter(|member| member.is(party));
        let meant: Vec<_> = meant.cloned().collect();
        if meant.is_empty() {
            bail!(
                "the scenario runs no such process: {} {:?}",
                party.role.name(),
                party.number
            );
        }
        Ok(meant)
    }

    /// The edges between two parties.
    pub fn links_of(&self, from: Party, to: Party) -> Result<Vec<&Link>> {
        edges::between(&self.edges, from, to)
    }

    /// All edges, each with its ends.
    pub fn ways(&self) -> impl Iterator<Item = Way<'_>> {
        self.edges.iter().map(Wired::way)
    }

    /// The edges that lead to a server.
    pub fn links_to(&self, server: Server) -> impl Iterator<Item = &Link> {
        edges::to(&self.edges, server).map(|wired| &wired.link)
    }

    /// Asks every process that plays one of these roles to end, all at once, and waits until they have. How they did is
    /// [`Member::death`]'s to say.
    pub async fn stop(&self, roles: &[Role]) {
        let asked = self
            .members
            .iter()
            .filter(|member| roles.iter().any(|role| member.plays(*role)));
        for stopped in join_all(asked.map(|member| member.terminate())).await {
            if let Err(error) = stopped {
                tracing::warn!("{}", Causes(&error));
            }
        }
    }

    /// Removes the proxies of the edges.
    pub async fn remove_edges(&self) -> Result<()> {
        for wired in &self.edges {
            wired.link.edge().delete().await?;
        }
        Ok(())
    }
}

/// One process with its edges, not started yet.
async fn member(
    part: &Part<'_>,
    staging: &Staging<'_>,
    servers: &Servers,
    edges: &mut Edges<'_>,
    place: &Place,
) -> Result<Member> {
    let process = part.process;
    let name = part.name();
    let numbered = (process.name.as_str(), part.number);
    let ports = Ports::draw(process)?;
    let mut addresses = Addresses::of(servers);
    for edge in &process.edges {
        let behind = addresses.behind(*edge)?;
        let end = End::Server(*edge);
        let address = edges.put(numbered, &part.roles, end, behind).await?;
        addresses.over(*edge, address);
    }
    let http = process
        .takes_requests()
        .then(|| ports.named("http"))
        .transpose()?;
    if let Some(http) = http.filter(|_| process.is(Plays::Api)) {
        let end = End::Process;
        edges.put(numbered, &part.roles, end, http).await?;
    }
    let values = told(part.process, &name, part.number, staging, place);
    let values = addresses.tell(ports.tell(values))?;
    let launch = match &process.program {
        Program::Command(command) => {
            Launch::of(command, process, staging, &values, (&name, place))?
        }
        Program::Image(image) => {
            Launch::of_image(image, process, staging, &values, (&name, place))?
        }
    };
    Ok(Member {
        roles: part.roles.clone(),
        launch,
        http,
        sign: Sign::of(&process.ready, &values, &ports, servers.vhost.url())?,
        manners: Manners::of(process, &staging.target.pace),
        state: Mutex::default(),
        revived: AtomicU64::new(0),
        name,
    })
}

/// The database's URL for clients that write transactions of their own.
async fn way_to_write(servers: &Servers, edges: &mut Edges<'_>) -> Result<String> {
    let behind = servers.database.address;
    let address = edges.put(edges::CLIENT, &[], End::Database, behind).await?;
    servers.database.over(address)
}

/// What a process is told beside addresses and ports.
fn told(
    process: &Process,
    name: &str,
    number: u32,
    staging: &Staging<'_>,
    place: &Place,
) -> Values {
    let laboratory = staging.laboratory().values();
    let open = laboratory.flat_map(|text| text.placeholders());
    let sign = match &process.ready {
        Ready::File(file) => Some(file.placeholders()),
        _ => None,
    };
    let open = process
        .placeholders()
        .chain(open)
        .chain(sign.into_iter().flatten());
    surroundings(open, staging.target.folder.as_deref(), Values::default())
        .with(Placeholder::Run, place.run.to_string())
        .with(Placeholder::Dir, place.dir_of(name).display().to_string())
        .with(Placeholder::ProcessNumber, number.to_string())
}

/// What an operator starts the service with, around all edges: of the lab's own target alone the commands are known.
fn operator(staging: &Staging<'_>, servers: &Servers, place: &Place) -> Result<Option<Launch>> {
    let service = staging.target.processes.iter().find_map(|process| {
        let Program::Command(command) = &process.program else {
            return None;
        };
        let is_service = process.is(Plays::Relay) && command.program() == SERVICE;
        is_service.then_some((process, command))
    });
    let Some((process, command)) = service else {
        return Ok(None);
    };
    let name = "operator";
    let values = told(process, name, 1, staging, place);
    let values = Ports::draw(process)?.tell(Addresses::of(servers).tell(values)?);
    Launch::of(command, process, staging, &values, (name, place)).map(Some)
}
