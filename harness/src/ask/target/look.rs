//! `[look]`: where it can be seen whether an operation was done.

use serde::Deserialize;

use super::{
    mistake::Mistake,
    request::{Method, Request},
    sql::TableName,
};

/// Where it can be seen whether an operation was done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Look {
    /// The table that has a row for each operation that was done.
    pub business: Option<TableName>,
    /// A request that is answered 200 for what was done and 404 for what was not.
    pub answer: Option<Request>,
}

impl Look {
    pub(super) fn sound(&self) -> Result<(), Mistake> {
        let Some(answer) = &self.answer else {
            return Ok(());
        };
        if answer.method != Method::Get {
            let problem = format!(
                "a {} may change what it looks at; write GET",
                answer.method.name()
            );
            return Err(Mistake::at("answer", problem));
        }
        if !answer.url.placeholders().any(|open| open.identifies()) {
            let problem =
                "asks for no operation in particular; put {{id}} into its path, as [write] does";
            return Err(Mistake::at("answer", problem));
        }
        Ok(())
    }
}
