//! What clients will ask for, and when.

use std::time::Duration;

use crate::{
    ask::{id::Id, scenario::Operation},
    history::Asked,
    run::numbers::Numbers,
};

/// One operation, asked for at one time, perhaps in several copies.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// From the start of the workload.
    pub due: Duration,
    /// What is asked for.
    pub asked: Asked,
    /// How often, at once.
    pub copies: u32,
    /// Its transaction is rolled back by the client itself.
    pub rolled_back: bool,
}

impl Step {
    /// An operation of a plan, as a run asks for it.
    pub fn of(operation: &Operation, numbers: &Numbers) -> Self {
        Self {
            due: Duration::from_millis(operation.at_ms),
            asked: Asked {
                content: operation.content.clone(),
                ..numbers.take(operation.key, operation.number)
            },
            copies: operation.copies,
            rolled_back: operation.rolled_back,
        }
    }

    /// The same, as a plan has it; none of what is no operation of the lab's.
    pub fn operation(&self) -> Option<Operation> {
        let id = Id::of(self.asked.id)?;
        Some(Operation {
            at_ms: u64::try_from(self.due.as_millis()).unwrap_or(u64::MAX),
            key: id.key,
            number: id.number,
            copies: self.copies,
            rolled_back: self.rolled_back,
            content: self.asked.content.clone(),
        })
    }
}

/// An operation that must be taken once everything is healed, and who is asked to.
#[derive(Debug, Clone, PartialEq)]
pub struct Canary {
    /// What is asked for.
    pub asked: Asked,
    /// Index of the process of the API.
    pub api: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::id::Run;

    #[test]
    fn a_plan_s_operation_is_asked_for_as_it_stands_and_what_follows_has_later_numbers() {
        let numbers = Numbers::of(Run::of(7));
        let planned = Operation::at(1200, 3, 5);
        let step = Step::of(&planned, &numbers);
        assert_eq!(step.operation(), Some(planned));
        assert_eq!(numbers.id(3).number, 6);
        assert_eq!(numbers.id(4).number, 1);
    }
}
