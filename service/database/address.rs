//! Where Postgres is, and how it is spoken to.

use std::{env, fmt, path::Path};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::{Host, Url};

use crate::{
    address::{self, Unreadable, unreadable},
    tls::{self, Files},
};

/// `postgres://user:password@host:port/database?sslmode=…`. What it does not say is taken from libpq's environment
/// variables.
#[derive(Clone)]
pub struct DatabaseAddress(PgConnectOptions);

/// What asks for no more than is done anyway.
const AS_IT_IS: [(&str, &[&str]); 4] = [
    ("target_session_attrs", &["read-write", "primary"]),
    ("channel_binding", &["disable", "prefer"]),
    ("gssencmode", &["disable", "prefer"]),
    ("sslnegotiation", &["postgres"]),
];
/// What sqlx reads, and this program leaves to it.
const LEFT_TO_SQLX: [&str; 6] = [
    "port",
    "dbname",
    "user",
    "password",
    "options",
    "statement-cache-capacity",
];

/// What was asked for about TLS.
#[derive(Default)]
struct Asked {
    mode: Option<PgSslMode>,
    authorities: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl fmt::Debug for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}:{}", self.0.get_host(), self.0.get_port())
    }
}

impl DatabaseAddress {
    /// Reads a URL, and tries the files that it names.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let given = address::read(text, &["postgres", "postgresql"])?;
        let mut asked = Asked::of_environment()?;
        let mut url = given.clone();
        url.set_query(None);
        if let Some(Host::Ipv6(host)) = given.host() {
            // sqlx would look the brackets up as well.
            url.query_pairs_mut().append_pair("host", &host.to_string());
        }
        for (name, value) in address::parameters(&given)? {
            asked.hear(&mut url, name, value)?;
        }
        let read: PgConnectOptions = url
            .as_str()
            .parse()
            .map_err(|error: sqlx::Error| Unreadable(error.to_string()))?;
        Ok(Self(asked.applied(read)?))
    }

    /// How to connect.
    pub fn options(&self) -> PgConnectOptions {
        self.0.clone()
    }
}

impl Asked {
    /// sqlx takes a mode that it cannot read for none.
    fn of_environment() -> Result<Self, Unreadable> {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let mode = variable("PGSSLMODE").map(|value| mode("PGSSLMODE", &value));
        Ok(Self {
            mode: mode.transpose()?,
            authorities: variable("PGSSLROOTCERT"),
            certificate: variable("PGSSLCERT"),
            key: variable("PGSSLKEY"),
        })
    }

    /// One parameter: kept, passed on to sqlx, or refused.
    fn hear(&mut self, url: &mut Url, name: String, value: String) -> Result<(), Unreadable> {
        match name.as_str() {
            "sslmode" | "ssl-mode" => self.mode = Some(mode(&name, &value)?),
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => self.authorities = Some(value),
            "sslcert" | "ssl-cert" => self.certificate = Some(value),
            "sslkey" | "ssl-key" => self.key = Some(value),
            "host" => {
                address::one_host(&value)?;
                let host = value.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
                url.query_pairs_mut()
                    .append_pair("host", host.unwrap_or(&value));
            }
            "hostaddr" => {
                return unreadable("hostaddr is not known: give the address as host");
            }
            "application_name" => {
                return unreadable(
                    "application_name is not taken: each pool of connections has its own name",
                );
            }
            "connect_timeout" => {
                return unreadable(
                    "connect_timeout is not taken: --pool-wait-ms says how long connecting may take",
                );
            }
            known
                if LEFT_TO_SQLX.contains(&known)
                    || (known.starts_with("options[") && known.ends_with(']')) =>
            {
                url.query_pairs_mut().append_pair(known, &value);
            }
            known => {
                let Some((_, as_it_is)) = AS_IT_IS.iter().find(|(name, _)| *name == known) else {
                    return unreadable(format!("{known} is not known"));
                };
                if !as_it_is.contains(&value.as_str()) {
                    return unreadable(format!("{known} can only be {}", as_it_is.join(" or ")));
                }
            }
        }
        Ok(())
    }

    /// As libpq means it: with authorities, `require` checks that the server's certificate is theirs. sqlx does not.
    fn applied(self, mut options: PgConnectOptions) -> Result<PgConnectOptions, Unreadable> {
        use PgSslMode as M;
        let machine = self.authorities.as_deref() == Some("system");
        let mode = match self.mode {
            None if machine => M::VerifyFull,
            None | Some(M::Allow) => M::Prefer,
            Some(M::Require) if self.authorities.is_some() && !machine => M::VerifyCa,
            Some(mode) => mode,
        };
        match mode {
            M::VerifyFull => {}
            _ if machine => {
                return unreadable(
                    "sslrootcert=system needs sslmode=verify-full: those authorities vouch for everybody",
                );
            }
            M::VerifyCa if self.authorities.is_none() => {
                return unreadable(
                    "sslmode=verify-ca needs sslrootcert (sslmode=verify-full takes the machine's authorities)",
                );
            }
            M::Disable | M::Prefer | M::Allow if self.authorities.is_some() => {
                return unreadable(
                    "sslrootcert is of no use without sslmode=verify-full or verify-ca",
                );
            }
            _ => {}
        }
        let unusable = |error: tls::Unusable| Unreadable(error.to_string());
        let identity =
            tls::identity(("sslcert", "sslkey"), self.certificate, self.key).map_err(unusable)?;
        let files = Files {
            authorities: self
                .authorities
                .filter(|_| !machine)
                .map(|file| Path::new(&file).to_owned()),
            identity,
        };
        options = options.ssl_mode(mode);
        if files.identity.is_some() || matches!(mode, M::VerifyCa | M::VerifyFull) {
            files.client().map_err(unusable)?;
        }
        options = match files.authorities {
            Some(file) => options.ssl_root_cert(file),
            None if matches!(mode, M::VerifyFull) => {
                options.ssl_root_cert_from_pem(tls::machine_pem().map_err(unusable)?)
            }
            None => options,
        };
        Ok(match files.identity {
            Some((certificate, key)) => options.ssl_client_cert(certificate).ssl_client_key(key),
            None => options,
        })
    }
}

fn mode(name: &str, value: &str) -> Result<PgSslMode, Unreadable> {
    value.parse().map_err(|_| {
        Unreadable(format!(
            "{name} is none of disable, prefer, require, verify-ca, verify-full"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_dialled_without_its_brackets() {
        for url in [
            "postgres://u@[2001:db8::1]:6000/d",
            "postgres:///d?user=u&host=2001:db8::1&port=6000",
            "postgresql:///d?user=u&host=[2001:db8::1]&port=6000",
        ] {
            let options = DatabaseAddress::read(url).expect(url).options();
            assert_eq!(options.get_host(), "2001:db8::1", "{url}");
            assert_eq!(options.get_port(), 6000, "{url}");
            assert_eq!(options.get_database(), Some("d"), "{url}");
        }
    }

    #[test]
    fn what_is_not_understood_or_not_done_is_refused() {
        for (query, named) in [
            ("sslmode=verify", "sslmode"),
            ("sslmode=verify-ca", "sslrootcert"),
            ("sslmode=prefer&sslrootcert=/x", "sslrootcert"),
            ("sslmode=require&sslrootcert=system", "verify-full"),
            ("sslmode=verify-full&sslrootcert=/no/such", "/no/such"),
            ("sslmode=require&sslcert=/x", "sslkey"),
            ("sslmode=require&sslcert=/no/such&sslkey=/x", "/no/such"),
            ("ssl=true", "ssl is"),
            ("channel_binding=require", "channel_binding"),
            ("target_session_attrs=any", "target_session_attrs"),
            ("host=a,b", "several"),
            ("connect_timeout=3", "--pool-wait-ms"),
            ("port=many", "invalid digit"),
        ] {
            let url = format!("postgres://u:hunter2@h/d?{query}");
            let Err(Unreadable(refused)) = DatabaseAddress::read(&url) else {
                panic!("{query} was taken")
            };
            assert!(refused.contains(named), "{query}: {refused}");
            assert!(!refused.contains("hunter"), "{query}: {refused}");
        }
    }

    #[test]
    fn what_is_done_anyway_may_be_asked_for() {
        for query in [
            "target_session_attrs=read-write&channel_binding=prefer",
            "sslmode=require",
            "sslmode=disable&options=-c%20search_path%3Dx",
            "options[search_path]=x",
        ] {
            let url = format!("postgres://u@h/d?{query}");
            assert!(DatabaseAddress::read(&url).is_ok(), "{query}");
        }
    }
}
