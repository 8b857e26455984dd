//! The request's W3C trace context, passed on with the event.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// A valid `traceparent`, if the request had exactly one. An invalid one is ignored, as the specification asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext(Option<String>);

impl TraceContext {
    /// The header's value.
    pub fn traceparent(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TraceContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let mut values = parts.headers.get_all("traceparent").iter();
        let only = match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        };
        Ok(Self(
            only.filter(|value| is_valid(value)).map(str::to_owned),
        ))
    }
}

/// `version-traceid-parentid-flags`. A version later than 00 may append fields; what is appended is not ours to pass on.
fn is_valid(traceparent: &str) -> bool {
    let fields: Vec<&str> = traceparent.split('-').collect();
    let &[version, trace_id, parent_id, flags] = fields.as_slice() else {
        return false;
    };
    is_hex(version, 2)
        && version != "ff"
        && is_hex(trace_id, 32)
        && is_hex(parent_id, 16)
        && is_hex(flags, 2)
        && [trace_id, parent_id]
            .iter()
            .all(|id| id.bytes().any(|digit| digit != b'0'))
}

fn is_hex(field: &str, length: usize) -> bool {
    field.len() == length
        && field
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn the_specification_decides_what_is_valid() {
        assert!(is_valid(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        ));
        for wrong in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        ] {
            assert!(!is_valid(wrong), "{wrong:?}");
        }
    }
}
