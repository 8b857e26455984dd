//! How the lab deals with the one target that is its own, and knows by heart.

pub(super) use super::auction::{
    bidders::Bidders as Clients, desk::Desk, follower::Followers as Readers, harm::Done, meters,
    rest, service::AuctionService as Target, topology::DEAD, watched::watched,
};
