//! `[setup]`: what is done once for each run, before any process is started: first `run`, then `sql`, then what is to be
//! declared.

use serde::Deserialize;

use super::{
    command::Command,
    exchange::{Exchange, Name},
    placeholder::Placeholder,
    process::Process,
    text::{OfSetup, Text},
};

/// What is done before.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Setup {
    /// A command, such as one that migrates: with the first process's environment, around all edges.
    pub run: Option<Command<OfSetup>>,
    /// Statements, as the owner of the run's database.
    pub sql: Option<Text<OfSetup>>,
    /// Exchanges that nobody else declares.
    pub exchanges: Vec<Exchange>,
    /// Queues that nobody else declares.
    pub queues: Vec<Name>,
    /// The file's line, from 1, that says `run`.
    #[serde(skip)]
    pub line: usize,
}

impl Setup {
    /// Whether `run` and `sql`, with the environment of `first`, leave the same behind for every run, and only in its
    /// database: they know neither the broker nor whose run it is. Then they are carried out once and copied.
    pub fn stays_in_the_database(&self, first: &Process) -> bool {
        let command = self.run.iter().flat_map(Command::placeholders);
        let told = command.chain(self.run.iter().flat_map(|_| first.surroundings()));
        let knows_more = |open: &Placeholder| {
            matches!(
                open,
                Placeholder::Rabbitmq(_) | Placeholder::StompPort | Placeholder::Run
            )
        };
        // A statement that names the database may change what a copy does not have.
        let names_it = |open: &Placeholder| matches!(open, Placeholder::Postgres(_));
        let mut said = self.sql.iter().flat_map(Text::placeholders);
        !told.into_iter().any(knows_more) && !said.any(|open| knows_more(open) || names_it(open))
    }
}

#[cfg(test)]
mod tests {
    use crate::ask::target::Target;

    fn stays(setup: &str, env: &str) -> bool {
        let text = format!(
            r#"name = "shop"
[setup]
{setup}
[write]
sql = "INSERT INTO orders VALUES ('{{{{id}}}}', '{{{{key}}}}')"
[witness]
exchange = "shop.events"
[[process]]
name = "migrator"
plays = []
edges = []
run = "./migrator"
env = {{ {env} }}
[[process]]
name = "relay"
run = "./relay {{{{postgres.url}}}} {{{{rabbitmq.url}}}}"
"#
        );
        let target = Target::read(&text).expect(&text);
        target.setup.stays_in_the_database(&target.processes[0])
    }

    #[test]
    fn what_knows_only_the_database_is_done_once_and_copied() {
        assert!(stays("sql = 'CREATE TABLE orders (id uuid)'", ""));
        assert!(stays("run = 'migrate {{postgres.url}}'", "A = \"1\""));
        assert!(stays("", ""));
    }

    #[test]
    fn what_knows_the_broker_or_the_run_is_done_each_time() {
        assert!(!stays("run = 'migrate {{rabbitmq.url}}'", ""));
        assert!(!stays("run = 'migrate'", "A = \"{{run}}\""));
        assert!(
            stays("sql = 'SELECT 1'", "A = \"{{run}}\""),
            "no statement is told of it"
        );
        assert!(!stays(
            "sql = 'ALTER DATABASE {{postgres.database}} SET x.y = 1'",
            ""
        ));
    }
}
