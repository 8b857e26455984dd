//! What is put on: a target, as a story wants it.

use crate::ask::{
    scenario,
    target::{
        Target,
        process::{Named, Variable},
    },
};

/// A target, as a story wants it.
#[derive(Debug, Clone, Copy)]
pub struct Staging<'t> {
    /// What is started.
    pub target: &'t Target,
    /// How many of each role, and the story's settings.
    pub story: &'t scenario::System,
    /// Without the settings of the target's `[laboratory]`.
    pub as_shipped: bool,
}

impl<'t> Staging<'t> {
    /// The settings that shorten what would take long; none as shipped.
    pub fn laboratory(&self) -> &'t Named<Variable> {
        static NONE: Named<Variable> = Named::new();
        match self.as_shipped {
            true => &NONE,
            false => &self.target.laboratory,
        }
    }

    /// What is put on, in a line of a report.
    pub fn describe(&self) -> String {
        let name = &self.target.name;
        let settings = self.laboratory().iter();
        let settings: Vec<String> = settings
            .map(|(name, text)| format!("{} = {text}", name.as_str()))
            .collect();
        match (self.target.laboratory.is_empty(), settings.is_empty()) {
            (true, _) => format!("target {name}, as shipped: it has no settings for laboratories"),
            (false, true) => format!("target {name}, as shipped"),
            (false, false) => format!("target {name}, in the laboratory: {}", settings.join(", ")),
        }
    }
}
