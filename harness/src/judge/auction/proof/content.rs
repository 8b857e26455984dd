//! Other content: one value changed, and nothing else.

use crate::{
    history::Content,
    judge::auction::bid::{AMOUNT, Bid, PLACED_AT, USER_ID},
};

pub(in crate::judge) use crate::judge::auction::bid::asked;

/// Another bidder.
pub(in crate::judge) fn user_id(content: &mut Content, to: &str) {
    content.insert(USER_ID.to_owned(), to.into());
}

pub(in crate::judge) fn amount(content: &mut Content, to: i64) {
    content.insert(AMOUNT.to_owned(), to.into());
}

pub(in crate::judge) fn placed_at_us(content: &mut Content, to: i64) {
    content.insert(PLACED_AT.to_owned(), to.into());
}

/// So much more.
pub(in crate::judge) fn raise(content: &mut Content, by: i64) {
    amount(content, content.amount() + by);
}

/// So much later.
pub(in crate::judge) fn later(content: &mut Content, by_us: i64) {
    placed_at_us(content, content.placed_at_us() + by_us);
}
