//! The numbers of a run's operations: within a key each has the next one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::{
    ask::id::{Id, Run},
    history::{Asked, Content, Key},
};

/// Draws numbers.
#[derive(Debug)]
pub struct Numbers {
    run: Run,
    next: Mutex<HashMap<u16, u32>>,
}

impl Numbers {
    /// A run's, each key from 1.
    pub fn of(run: Run) -> Self {
        Self {
            run,
            next: Mutex::default(),
        }
    }

    /// The next operation of a key.
    pub fn next(&self, key: u16) -> Asked {
        asked(self.id(key))
    }

    /// The operation with this number of a key, which a plan names; the next one comes behind it.
    pub fn take(&self, key: u16, number: u32) -> Asked {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let last = next.entry(key).or_default();
        *last = number.max(*last);
        let run = self.run;
        asked(Id { run, key, number })
    }

    /// Its id.
    pub fn id(&self, key: u16) -> Id {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let number = next.entry(key).or_default();
        *number += 1;
        Id {
            run: self.run,
            key,
            number: *number,
        }
    }
}

/// An operation, as histories have what was asked for.
pub fn asked(id: Id) -> Asked {
    Asked {
        id: id.uuid(),
        key: Key::numbered(id.key),
        content: Content::new(),
    }
}
