//! What a process is told of its servers: every form of their addresses, each over the process's own edge.

use std::net::SocketAddr;

use anyhow::{Result, ensure};

use super::Servers;
use crate::ask::target::{
    placeholder::{Placeholder, Postgres, Rabbitmq, Values},
    process::Edge,
};

/// Where a process finds each server: the edge in front of it, or the server itself.
#[derive(Debug, Clone)]
pub(super) struct Addresses<'s> {
    servers: &'s Servers,
    postgres: SocketAddr,
    rabbitmq: SocketAddr,
    management: SocketAddr,
    stomp: Option<SocketAddr>,
}

impl<'s> Addresses<'s> {
    /// The servers themselves, around all edges.
    pub fn of(servers: &'s Servers) -> Self {
        Self {
            postgres: servers.database.address,
            rabbitmq: servers.vhost.address,
            management: servers.management.address,
            stomp: servers.stomp,
            servers,
        }
    }

    /// Where an edge would lead to now.
    pub fn behind(&self, edge: Edge) -> Result<SocketAddr> {
        let address = match edge {
            Edge::Postgres => Some(self.postgres),
            Edge::Rabbitmq => Some(self.rabbitmq),
            Edge::Management => Some(self.management),
            Edge::Stomp => self.stomp,
        };
        ensure!(
            address.is_some(),
            "an edge to stomp, and nobody here speaks it: write needs = [\"rabbitmq_stomp\"], and run with --backend native, or on servers of your own that have the plugin"
        );
        Ok(address.expect("just looked at"))
    }

    /// From now on a server is found at its edge.
    pub fn over(&mut self, edge: Edge, address: SocketAddr) {
        match edge {
            Edge::Postgres => self.postgres = address,
            Edge::Rabbitmq => self.rabbitmq = address,
            Edge::Management => self.management = address,
            Edge::Stomp => self.stomp = Some(address),
        }
    }

    /// All that can be said of them.
    pub fn tell(&self, values: Values) -> Result<Values> {
        let values = self.tell_postgres(values)?;
        let values = self.tell_rabbitmq(values)?;
        Ok(match self.stomp {
            Some(stomp) => values.with(Placeholder::StompPort, stomp.port().to_string()),
            None => values,
        })
    }

    fn tell_postgres(&self, values: Values) -> Result<Values> {
        let server = &self.servers.database;
        let (host, port) = parts(self.postgres);
        let (user, password, database) = (server.user(), server.password(), server.name());
        let ado = format!(
            "Host={host};Port={port};Database={database};Username={};Password={};SSL Mode=Disable",
            in_ado(&user),
            in_ado(&password)
        );
        let mut dsn = format!("host={host} port={port} user={}", in_dsn(&user));
        if !password.is_empty() {
            dsn += &format!(" password={}", in_dsn(&password));
        }
        dsn += &format!(" dbname={}", in_dsn(&database));
        let said = [
            (Postgres::Url, server.over(self.postgres)?),
            (
                Postgres::Jdbc,
                format!("jdbc:postgresql://{}/{database}", self.postgres),
            ),
            (Postgres::Ado, ado),
            (Postgres::Dsn, dsn),
            (Postgres::Host, host),
            (Postgres::Port, port),
            (Postgres::User, user),
            (Postgres::Password, password),
            (Postgres::Database, database),
        ];
        let all = said.into_iter();
        Ok(all.fold(values, |values, (part, said)| {
            values.with(Placeholder::Postgres(part), said)
        }))
    }

    fn tell_rabbitmq(&self, values: Values) -> Result<Values> {
        let server = &self.servers.vhost;
        let (host, port) = parts(self.rabbitmq);
        let api = self.servers.management.over(self.management)?;
        let said = [
            (Rabbitmq::Url, server.over(self.rabbitmq)?),
            (Rabbitmq::Api, api.trim_end_matches('/').to_owned()),
            (Rabbitmq::Host, host),
            (Rabbitmq::Port, port),
            (Rabbitmq::User, server.user()),
            (Rabbitmq::Password, server.password()),
            (Rabbitmq::Vhost, server.name()),
        ];
        let all = said.into_iter();
        Ok(all.fold(values, |values, (part, said)| {
            values.with(Placeholder::Rabbitmq(part), said)
        }))
    }
}

fn parts(address: SocketAddr) -> (String, String) {
    (address.ip().to_string(), address.port().to_string())
}

/// A value of a `key=value;` string.
fn in_ado(text: &str) -> String {
    match text.contains([';', '"', '\'', '=', ' ']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// A value of a `key=value` string of libpq's.
fn in_dsn(text: &str) -> String {
    match text.is_empty() || text.contains([' ', '\'', '\\']) {
        true => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ask::target::text::{OfProcess, Text},
        servers::upstream::Upstream,
    };

    fn servers(database: &str) -> Servers {
        let at = |address: &str, url: &str| {
            Upstream::new(address.parse().unwrap(), url.parse().unwrap())
        };
        Servers {
            database: at("10.0.0.7:5432", database),
            vhost: at("10.0.0.7:5672", "amqp://guest:guest@10.0.0.7:5672/run_1"),
            management: at("127.0.0.1:15672", "http://127.0.0.1:15672"),
            stomp: None,
        }
    }

    fn told(servers: &Servers, text: &str) -> String {
        let mut addresses = Addresses::of(servers);
        addresses.over(Edge::Postgres, "127.0.0.1:40001".parse().unwrap());
        addresses.over(Edge::Rabbitmq, "127.0.0.1:40002".parse().unwrap());
        let values = addresses.tell(Values::default()).unwrap();
        let text = Text::<OfProcess>::parse(text).expect(text);
        text.render(&values).unwrap()
    }

    #[test]
    fn every_form_of_an_address_leads_over_the_edge() {
        let servers = servers("postgres://ann:p%20w@10.0.0.7:5432/run_1?sslmode=disable");
        for (text, wanted) in [
            (
                "{{postgres.url as postgresql+asyncpg}}",
                "postgresql+asyncpg://ann:p%20w@127.0.0.1:40001/run_1?sslmode=disable",
            ),
            (
                "{{postgres.jdbc}}",
                "jdbc:postgresql://127.0.0.1:40001/run_1",
            ),
            (
                "{{postgres.ado}}",
                "Host=127.0.0.1;Port=40001;Database=run_1;Username=ann;Password=\"p w\";SSL Mode=Disable",
            ),
            (
                "{{postgres.dsn}}",
                "host=127.0.0.1 port=40001 user=ann password='p w' dbname=run_1",
            ),
            (
                "{{postgres.user}}:{{postgres.password}}@{{postgres.host}}:{{postgres.port}}/{{postgres.database}}",
                "ann:p w@127.0.0.1:40001/run_1",
            ),
            (
                "{{rabbitmq.url}}",
                "amqp://guest:guest@127.0.0.1:40002/run_1",
            ),
            (
                "{{rabbitmq.host}} {{rabbitmq.port}} {{rabbitmq.user}} {{rabbitmq.password}} {{rabbitmq.vhost}}",
                "127.0.0.1 40002 guest guest run_1",
            ),
            ("{{rabbitmq.api}}", "http://127.0.0.1:15672"),
        ] {
            assert_eq!(told(&servers, text), wanted, "{text}");
        }
    }

    #[test]
    fn where_no_password_is_asked_none_is_said() {
        let servers = servers("postgres://lab@127.0.0.1:5432/run_1");
        assert_eq!(
            told(&servers, "{{postgres.dsn}}"),
            "host=127.0.0.1 port=40001 user=lab dbname=run_1"
        );
        assert_eq!(told(&servers, "[{{postgres.password}}]"), "[]");
    }

    #[test]
    fn an_edge_to_what_nobody_speaks_is_refused_with_the_way_out() {
        let servers = servers("postgres://lab@127.0.0.1:5432/run_1");
        let said = Addresses::of(&servers).behind(Edge::Stomp).unwrap_err();
        assert!(said.to_string().contains("rabbitmq_stomp"), "{said}");
    }
}
