//! Problems as the OpenAPI document describes them: for each status of a route, which codes may come with it.

use std::collections::BTreeMap;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder, Schema};

use super::problem::{Code, PROBLEM_TYPE};

/// What surrounds a route may answer instead of it.
pub const SURROUNDING: [Code; 6] = [
    Code::MalformedRequest,
    Code::IncompleteBody,
    Code::BodyTooSlow,
    Code::BodyTooLarge,
    Code::HeadTooLarge,
    Code::Internal,
];

/// Names the problems that a route answers with, besides what surrounds it.
macro_rules! problems {
    ($name:ident: $($code:ident),* $(,)?) => {
        #[doc = "The problems of a route."]
        pub struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                $crate::http::described::responses(&[$($crate::http::problem::Code::$code),*])
            }
        }
    };
}
pub(super) use problems;

/// A response for each status of these codes and of the surrounding ones.
pub fn responses(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<String, Vec<Code>>::new();
    for code in SURROUNDING.iter().chain(codes) {
        let status = code.status().as_u16().to_string();
        by_status.entry(status).or_default().push(*code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status, response(&codes).into()))
        .collect()
}

fn response(codes: &[Code]) -> Response {
    let meanings: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`: {}", code.as_str(), code.meaning()))
        .collect();
    let answer = ResponseBuilder::new()
        .description(meanings.join("; "))
        .content(
            PROBLEM_TYPE,
            ContentBuilder::new().schema(Some(schema(codes))).build(),
        );
    let status = codes.first().map(|code| code.status());
    if status.is_some_and(|status| status.as_u16() == 503) {
        let seconds = HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::Integer)))
            .description(Some("When to try again, in seconds"))
            .build();
        return answer.header("Retry-After", seconds).build();
    }
    answer.build()
}

/// A problem document with one of these codes.
fn schema(codes: &[Code]) -> Schema {
    let code = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(codes.iter().map(|code| code.as_str())));
    let narrowed = ObjectBuilder::new().property("code", code);
    AllOfBuilder::new()
        .item(Ref::from_schema_name("Problem"))
        .item(narrowed)
        .into()
}
