//! A pattern for where an id stands in a body that is no JSON.

use crate::ask::id::Id;

/// So much of what stands around an id is taken.
const AROUND: usize = 24;

/// An id's form as text, and the expression that matches its like.
fn forms(id: Id) -> Vec<(String, &'static str)> {
    let uuid = id.uuid();
    let plain = [
        (uuid.hyphenated().to_string(), "[0-9a-f-]{36}"),
        (uuid.simple().to_string(), "[0-9a-f]{32}"),
        (id.token(), "[a-z2-7]{40}"),
    ];
    let upper = [
        (
            uuid.hyphenated().to_string().to_uppercase(),
            "[0-9A-F-]{36}",
        ),
        (uuid.simple().to_string().to_uppercase(), "[0-9A-F]{32}"),
        (id.token().to_uppercase(), "[A-Z2-7]{40}"),
    ];
    let number = id.number().map(|number| (number.to_string(), "[0-9]{19}"));
    plain.into_iter().chain(upper).chain(number).collect()
}

/// The address that catches the id of each of these bodies: by its form, and by what stands before and behind it in all of
/// them. None if it is not there as text, or not in one form.
pub fn pattern(bodies: &[(Id, &[u8])]) -> Option<String> {
    let mut expression = None;
    let (mut before, mut behind) = (Vec::new(), Vec::new());
    for (id, body) in bodies {
        let body = std::str::from_utf8(body).ok()?;
        let (at, text, form) = forms(*id)
            .into_iter()
            .find_map(|(text, form)| Some((body.find(&text)?, text, form)))?;
        if *expression.get_or_insert(form) != form {
            return None;
        }
        before.push(&body[..at]);
        behind.push(&body[at + text.len()..]);
    }
    let form = expression?;
    let is_all = |texts: &[&str], text: &str| texts.iter().all(|known| *known == text);
    let lead = common(&before, true);
    let from_start = is_all(&before, &lead) && lead.chars().count() <= AROUND;
    let lead = match from_start {
        true => format!("^{}", regex::escape(&lead)),
        false => regex::escape(&last(&lead)),
    };
    let tail: String = common(&behind, false).chars().take(1).collect();
    let tail = match is_all(&behind, "") {
        true => "$".to_owned(),
        false => regex::escape(&tail),
    };
    Some(format!("body:~{lead}({form}){tail}~"))
}

/// What all of them end with, or begin with.
fn common(texts: &[&str], at_end: bool) -> String {
    let signs = |text: &str| -> Vec<char> {
        match at_end {
            true => text.chars().rev().collect(),
            false => text.chars().collect(),
        }
    };
    let mut same = texts.first().map(|text| signs(text)).unwrap_or_default();
    for text in texts {
        let other = signs(text);
        let length = same
            .iter()
            .zip(&other)
            .take_while(|(one, other)| one == other)
            .count();
        same.truncate(length);
    }
    if at_end {
        same.reverse();
    }
    same.into_iter().collect()
}

fn last(text: &str) -> String {
    let skip = text.chars().count().saturating_sub(AROUND);
    text.chars().skip(skip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ask::{id::Run, target::address::Address},
        run::heard::{address::read, message::Message},
    };

    fn id(number: u32) -> Id {
        Id {
            run: Run::of(1),
            key: 1,
            number,
        }
    }

    fn of(text: impl Fn(Id) -> String) -> Option<String> {
        let bodies: Vec<(Id, Vec<u8>)> =
            (1..=3).map(|n| (id(n), text(id(n)).into_bytes())).collect();
        let slices: Vec<(Id, &[u8])> = bodies
            .iter()
            .map(|(id, body)| (*id, body.as_slice()))
            .collect();
        let found = pattern(&slices)?;
        let address = Address::try_from(found.clone()).expect("an address");
        for (id, body) in bodies {
            let message = Message {
                body,
                ..Message::default()
            };
            let read = read(&address, &message).expect("something stands there");
            let text = String::from_utf8(read).expect("text").to_lowercase();
            assert!(
                [id.uuid().to_string(), id.token()].contains(&text),
                "{found}: {text}"
            );
        }
        Some(found)
    }

    #[test]
    fn an_id_is_caught_by_what_stands_around_it() {
        assert_eq!(
            of(|id| format!("order {} of {:05}", id.uuid(), id.key)).as_deref(),
            Some("body:~^order ([0-9a-f-]{36}) ~")
        );
        assert_eq!(
            of(|id| format!("{}<order id='{}'/>", id.number, id.token().to_uppercase())).as_deref(),
            Some(r"body:~<order id='([A-Z2-7]{40})'~")
        );
        assert_eq!(
            of(|id| id.token()).as_deref(),
            Some("body:~^([a-z2-7]{40})$~")
        );
    }

    #[test]
    fn what_is_not_there_as_text_is_caught_by_nothing() {
        assert_eq!(pattern(&[(id(1), b"\xff\xfe")]), None);
        assert_eq!(pattern(&[(id(1), b"no id")]), None);
        assert_eq!(pattern(&[]), None);
    }
}
