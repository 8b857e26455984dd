//! What a fault that is meant to stay leaves within reach.

use crate::{
    ask::fault::{Fault, Party, Role, Target},
    ask::lasting::Lasting,
    system::{Member, System},
};

/// Who can still be expected to work once everything else is healed.
pub(super) struct Reach {
    /// Indexes of the processes of the API that clients reach, and that reach their database.
    pub apis: Vec<usize>,
    lost: Vec<Target>,
}

impl Reach {
    /// Of a system under these faults.
    pub fn of(system: &System, faults: &[Fault]) -> Self {
        let stays = faults.iter().filter(|fault| fault.lasting == Lasting::Ever);
        let mut reach = Self {
            apis: Vec::new(),
            lost: stays.map(|fault| fault.target.clone()).collect(),
        };
        let apis = system
            .members()
            .iter()
            .filter(|member| member.plays(Role::Api));
        reach.apis = apis
            .enumerate()
            .filter(|(_, api)| !reach.is_lost(api))
            .map(|(index, _)| index)
            .collect();
        reach
    }

    /// Whether nothing that stays keeps this process from being ready.
    pub fn may_be_ready(&self, member: &Member) -> bool {
        !self.is_lost(member)
    }

    fn is_lost(&self, member: &Member) -> bool {
        self.lost.iter().any(|target| touches(target, member))
    }
}

/// Whether a fault on `target` stands in the way of a process.
fn touches(target: &Target, member: &Member) -> bool {
    let is = |party: &Party| member.is(*party);
    match target {
        Target::Edge { from, to } => {
            let numbered = Party {
                role: from.role,
                number: from.number.or(to.number),
            };
            is(&numbered) || is(to)
        }
        Target::Process(party) => is(party),
        Target::Server(_) => true,
    }
}
