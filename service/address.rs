//! Addresses of servers, read strictly: a part that is not understood is refused, and never replaced by a default.

use url::{ParseError, Url};

/// Why an address is refused. Never tells anything that may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub String);

/// What is wrong, in one sentence.
pub(crate) fn unreadable<T>(why: impl Into<String>) -> Result<T, Unreadable> {
    Err(Unreadable(why.into()))
}

/// What usually is behind a URL that falls apart in the wrong places.
const UNENCODED: &str =
    "in user and password ':', '/', '?', '#', '@' and '%' must be percent-encoded";

/// Reads a URL of one of `schemes`, with at most one path segment.
pub(crate) fn read(text: &str, schemes: &[&str]) -> Result<Url, Unreadable> {
    let text = text.trim();
    if !schemes.iter().any(|scheme| {
        text.split_once("://")
            .is_some_and(|(before, _)| before.eq_ignore_ascii_case(scheme))
    }) {
        return unreadable(format!(
            "does not begin with {}://",
            schemes.join(":// or ")
        ));
    }
    // Left out without a word where URLs are read for browsers.
    if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return unreadable("contains a space or a line break");
    }
    let url = Url::parse(text).map_err(|error| {
        Unreadable(match error {
            ParseError::InvalidPort => {
                format!("the port is no number ({UNENCODED}; one host only)")
            }
            other => format!("{other} ({UNENCODED})"),
        })
    })?;
    let path = url.path().trim_start_matches('/');
    let torn = [Some(path), url.query(), url.fragment()];
    if url.fragment().is_some() || path.contains('/') || torn.iter().flatten().any(has_at) {
        return unreadable(format!("goes on where it should be over ({UNENCODED})"));
    }
    let encoded = [url.username(), url.password().unwrap_or_default(), path];
    if !encoded.into_iter().all(is_encoded) {
        return unreadable("a '%' is not followed by two hexadecimal digits of UTF-8");
    }
    if url.username().is_empty() && url.password().is_some() {
        return unreadable("has a password and no user");
    }
    if url.port() == Some(0) {
        return unreadable("nothing listens on port 0");
    }
    if let Some(host) = url.host_str() {
        one_host(host)?;
    }
    Ok(url)
}

/// Refuses what is a list, or cannot be a name at all.
pub(crate) fn one_host(host: &str) -> Result<(), Unreadable> {
    if host.contains(',') {
        return unreadable(
            "names several hosts; give one name that leads to the server that takes writes",
        );
    }
    if host.contains('*') {
        return unreadable("a host is no pattern");
    }
    Ok(())
}

/// The parameters, each at most once. A name is told to the user only if it looks like one.
pub(crate) fn parameters(url: &Url) -> Result<Vec<(String, String)>, Unreadable> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, value) in url.query_pairs() {
        if !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-[].".contains(c))
        {
            return unreadable(format!("a parameter's name is none ({UNENCODED})"));
        }
        if found.iter().any(|(before, _)| *before == name) {
            return unreadable(format!("{name} is given twice"));
        }
        found.push((name.into_owned(), value.into_owned()));
    }
    Ok(found)
}

fn has_at(part: &&str) -> bool {
    part.contains('@')
}

fn is_encoded(part: &str) -> bool {
    let digits = |rest: &str| {
        let two = rest.as_bytes().get(..2);
        two.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    };
    part.split('%').skip(1).all(digits) && decoded(part).is_some()
}

/// A part of a URL as it is meant.
pub(crate) fn decoded(part: &str) -> Option<String> {
    let bytes = percent_encoding::percent_decode_str(part);
    bytes.decode_utf8().ok().map(|text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Url, Unreadable> {
        super::read(text, &["amqp", "amqps"])
    }

    #[test]
    fn an_address_is_read_as_it_is_meant() {
        for good in [
            "amqp://localhost",
            "amqp://u:p%40ss@[2001:db8::1]:5672/v",
            "AMQPS://u@host/%2f?a=b",
            "amqp://u:p@ss@host/v\n",
        ] {
            assert!(read(good).is_ok(), "{good}: {:?}", read(good));
        }
    }

    #[test]
    fn what_falls_apart_is_refused_and_its_password_is_kept() {
        for bad in [
            "",
            "localhost:5672",
            "u:hunter2@host/v",
            "http://u:hunter2@host/v",
            "amqp://u:hunter2@host:port/v",
            "amqp://u:hunter2@a:1,b:2/v",
            "amqp://u:hunter2@a,b/v",
            "amqp://u:hunter2@:5672/v",
            "amqp://u:hunter2@[::1/v",
            "amqp://u:hunter2@host:99999/v",
            "amqp://u:hunter2@host:0/v",
            "amqp://u:12#hunter2@host/v",
            "amqp://u:12?hunter2@host/v",
            "amqp://u:12/hunter2@host/v",
            "amqp://u:12/hunter2@host",
            "amqp://u:hunter2%zz@host/v",
            "amqp://u:hunter2%ff@host/v",
            "amqp://u:hunter2@host/a/b",
            "amqp://:hunter2@host/v",
            "amqp://u:hun\nter2@host/v",
        ] {
            let refused = read(bad).expect_err(bad).to_string();
            assert!(!refused.contains("hunter"), "{bad}: {refused}");
        }
    }

    #[test]
    fn a_parameter_is_given_once_and_has_a_name() {
        let of = |query: &str| parameters(&read(&format!("amqp://h/v?{query}")).expect("a URL"));
        assert_eq!(of("a=1&b=%2fx").expect("two").len(), 2);
        for bad in ["a=1&a=2", "hunter%202=1"] {
            let refused = of(bad).expect_err(bad).to_string();
            assert!(!refused.contains("hunter"), "{refused}");
        }
    }
}
