//! What a text of the target's is about: the operations whose ids are in it, wherever they stand.

use crate::{
    ask::id::{Id, Run, What, found_in},
    history::{Content, Item, Key},
};

/// How much of a text is shown to whoever has to find out what is wrong with it.
const EXCERPT: usize = 120;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// This run's operations, each once.
    pub ids: Vec<Id>,
    /// What looks like an operation and is none of this run's, a sentence each.
    pub odd: Vec<String>,
}

impl About {
    /// What is in these pieces of one thing.
    pub fn of<'p>(pieces: impl IntoIterator<Item = &'p [u8]>, run: Run) -> Self {
        let mut about = Self::default();
        for found in pieces.into_iter().flat_map(|piece| found_in(piece, run)) {
            match found.what {
                What::Ours(id) if about.ids.contains(&id) => {}
                What::Ours(id) => about.ids.push(id),
                What::OtherRun(id) => about.note(format!(
                    "an operation of another run, {}: {}; is something left of it in the servers, or in a folder that is kept?",
                    id.run,
                    id.uuid()
                )),
                What::Damaged(text) => about.note(format!(
                    "an id of this run with a wrong checksum: {text}; something of it was changed or cut"
                )),
            }
        }
        about
    }

    fn note(&mut self, what: String) {
        if !self.odd.contains(&what) {
            self.odd.push(what);
        }
    }

    /// An item for each operation that has a place, and each oddity as why there is none. Where there is nothing at all, `missing` says so.
    pub fn items(
        self,
        n: impl Fn(Id) -> Option<i64>,
        missing: impl FnOnce() -> String,
    ) -> Vec<Result<Item, String>> {
        let named = self.ids.into_iter().map(|id| match n(id) {
            Some(n) => Ok(item(id, n)),
            None => Err(format!(
                "no number stands where [message] n says, beside {}",
                id.uuid()
            )),
        });
        let mut items: Vec<_> = named.chain(self.odd.into_iter().map(Err)).collect();
        if items.is_empty() {
            items.push(Err(missing()));
        }
        items
    }
}

/// An operation, as histories have it.
pub fn item(id: Id, n: i64) -> Item {
    Item {
        id: id.uuid(),
        key: Key::numbered(id.key),
        n,
        content: Content::new(),
    }
}

/// The place of an operation within its key where nothing else is known: its number.
pub fn number(id: Id) -> i64 {
    i64::from(id.number)
}

/// The beginning of what is no text, perhaps, in one line.
pub fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown: String = text.chars().take(EXCERPT).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("{shown:?}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> Id {
        Id {
            run: Run::of(1),
            key: 3,
            number,
        }
    }

    fn placed(id: Id) -> Option<i64> {
        Some(number(id))
    }

    #[test]
    fn an_operation_that_stands_in_several_places_is_one() {
        let (header, body) = (id(1).token(), id(1).uuid().to_string());
        let about = About::of([header.as_bytes(), body.as_bytes()], Run::of(1));
        let items = about.items(placed, || unreachable!("there is one"));
        assert_eq!(items, [Ok(item(id(1), 1))]);
    }

    #[test]
    fn each_of_several_and_whatever_is_odd_is_told_apart() {
        let other = Id {
            run: Run::of(2),
            ..id(1)
        };
        let damaged = id(5).uuid().as_u128() ^ (1 << 90);
        let text = format!(
            "{} {} {} {}",
            id(1).uuid(),
            id(2).uuid(),
            other.uuid(),
            uuid::Uuid::from_u128(damaged)
        );
        let about = About::of([text.as_bytes()], Run::of(1));
        let items = about.items(placed, || unreachable!("there are some"));
        assert_eq!(items[..2], [Ok(item(id(1), 1)), Ok(item(id(2), 2))]);
        let odd: Vec<&String> = items[2..]
            .iter()
            .map(|item| item.as_ref().unwrap_err())
            .collect();
        assert!(odd[0].contains("another run"), "{odd:?}");
        assert!(odd[1].contains("wrong checksum"), "{odd:?}");
    }

    #[test]
    fn an_operation_without_the_place_that_it_should_have_is_odd() {
        let text = id(1).uuid().to_string();
        let about = About::of([text.as_bytes()], Run::of(1));
        let items = about.items(|_| None, || unreachable!("there is one"));
        assert!(
            items[0]
                .as_ref()
                .is_err_and(|why| why.contains("[message] n"))
        );
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        let about = About::of([&b"no id"[..]], Run::of(1));
        assert_eq!(
            about.items(placed, || "no id in it".to_owned()),
            [Err("no id in it".to_owned())]
        );
        assert_eq!(excerpt(b"a\nb\xff"), "\"a\\nb\u{fffd}\"");
    }
}
