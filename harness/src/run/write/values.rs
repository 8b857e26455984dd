//! What stands for the placeholders of an operation.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::ask::{
    id::Id,
    target::{
        Target,
        placeholder::{Placeholder, Values},
    },
};

/// What does not change from one operation to the next.
#[derive(Debug, Clone)]
pub(super) struct Constants(BTreeMap<Placeholder, String>);

impl Constants {
    /// What a target's operations take from the lab's own environment.
    pub fn of(target: &Target) -> Result<Self> {
        let asked = target.look.answer.iter();
        let asked = asked.flat_map(|answer| answer.url.placeholders());
        let all = target.write.placeholders().into_iter().chain(asked);
        let mut constants = BTreeMap::new();
        for placeholder in all {
            if let Placeholder::Env(name) = placeholder {
                let value = std::env::var(name).with_context(|| {
                    format!(
                        "{placeholder} stands in the target file, and {name} is not set; set it before the lab is started"
                    )
                })?;
                constants.insert(placeholder.clone(), value);
            }
        }
        Ok(Self(constants))
    }

    /// What stands for an operation that is asked of the process at `api`.
    pub fn with(&self, id: Id, api: Option<&str>) -> Values {
        let constants = self.0.iter();
        let values = constants.fold(Values::of(id), |values, (placeholder, value)| {
            values.with(placeholder.clone(), value)
        });
        match api {
            Some(api) => values.with(Placeholder::Api, api),
            None => values,
        }
    }
}
