//! The protocol as data: lanes, leases, tokens, late commits, crashes, copies and gaps. A [`World`] is everything that counts
//! at one instant; an [`Action`] is one step of somebody's, a transaction or a message; [`World::step`] says which steps there
//! are. Nobody proposes actions here: a search does (`tests/model/`), of small worlds and the steps of the cycle; a run does
//! (`trace`), of its own world and the steps that it took.
//!
//! What the model leaves out: attempts, shares, time (a lease ends by a step, [`Action::Expire`]), payloads, and who is rung.

mod action;
mod claims;
mod inbox;
mod lanes;
mod property;
mod repair;
mod rules;
mod step;
mod wire;
mod world;
mod writers;

pub use action::{Action, Asker};
pub use property::{PROPERTIES, Property};
pub use rules::{Horizon, Rules};
pub use step::Illegal;
pub use world::{
    Auction, AuctionNo, Candidate, Edge, Event, EventNo, Inbox, Lane, LaneNo, Link, LinkNo, Looked,
    Message, Relay, RelayNo, Running, Statement, Status, Token, USURPER, WindowNo, World, WriterNo,
};
