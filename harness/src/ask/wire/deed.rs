//! What is done to a message that passes. Nothing is ever taken out of a stream that goes on: it would shift what both sides
//! count (delivery tags, answers to questions), and convict a correct client.

use std::time::Duration;

use super::event::{Dialect, Event};
use crate::ask::lasting::duration;

/// What is done to a message, or to its connection at this very point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Both sides of its connection get RST.
    Reset,
    /// Both sides get FIN.
    Close,
    /// So many of its bytes go on, then both sides get FIN.
    CutAfter(usize),
    /// Half of its bytes go on, then both sides get FIN.
    CutInHalf,
    /// It, and all behind it, goes on so much later.
    Delay(Duration),
    /// Neither it nor anything behind it goes on; when the fault ends, its connection does.
    Swallow,
    /// It and all behind it stay unread until the fault ends, so that who sends them is kept waiting.
    Stall,
    /// The lab answers in the server's place.
    Answer(Answer),
}

/// What can be said in a server's place without either side losing its count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Postgres: a simple query, COMMIT among them, fails with this SQLSTATE. It is the real server that raises it.
    Error(String),
    /// AMQP: what the broker has confirmed is said not to be.
    Nack,
    /// AMQP: the connection is closed as an operator does it, with reply code 320.
    Close,
}

/// What can be done, without its numbers.
pub const DEEDS: [&str; 10] = [
    "reset",
    "close",
    "cut after 5 bytes",
    "cut in half",
    "delay 500ms",
    "swallow",
    "stall",
    "answer error 40001",
    "answer nack",
    "answer close",
];

impl Deed {
    /// `"reset"`, `"cut after 5 bytes"`, `"answer error 40001"`; none if it is something that is done to no message.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        Ok(Some(match words.as_slice() {
            ["reset"] => Self::Reset,
            ["close"] => Self::Close,
            ["cut", "in", "half"] => Self::CutInHalf,
            ["cut", "after", bytes, "bytes" | "byte"] => match bytes.parse() {
                Ok(bytes) if bytes > 0 => Self::CutAfter(bytes),
                _ => return Err(format!("{bytes:?} is no number of bytes")),
            },
            ["delay", span] => Self::Delay(duration(span)?),
            ["swallow"] => Self::Swallow,
            ["stall"] => Self::Stall,
            ["answer", "error", state] if is_sqlstate(state) => {
                Self::Answer(Answer::Error((*state).to_owned()))
            }
            ["answer", "error", state] => {
                return Err(format!("{state:?} is no SQLSTATE such as 40001 or 53100"));
            }
            ["answer", "nack"] => Self::Answer(Answer::Nack),
            ["answer", "close"] => Self::Answer(Answer::Close),
            _ => return Ok(None),
        }))
    }

    /// Refuses what the protocol does not allow at such a message.
    pub fn must_fit(&self, event: Event, after: bool) -> Result<(), String> {
        let (fits, where_) = match self {
            Self::Answer(Answer::Error(_)) => (
                matches!(event, Event::Query | Event::Commit),
                "a simple query: event = \"query\" or \"commit\"",
            ),
            Self::Answer(Answer::Nack) => (event == Event::Confirm, "event = \"confirm\""),
            Self::Answer(Answer::Close) => (
                event.dialect() == Dialect::Amqp
                    && !matches!(event, Event::Handshake | Event::HandshakeReply),
                "a message of an open AMQP connection",
            ),
            _ => (true, ""),
        };
        if !fits {
            return Err(format!(
                "that can be answered to {where_}, and to nothing else without client and server getting out of step"
            ));
        }
        let whole = matches!(
            self,
            Self::CutAfter(_) | Self::CutInHalf | Self::Delay(_) | Self::Answer(_)
        );
        if whole && after {
            return Err(
                "that is done to a message before it goes on; leave side = \"after\" out"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// Five digits and capitals, of no class that means success.
fn is_sqlstate(text: &str) -> bool {
    let signs = text
        .bytes()
        .all(|sign| sign.is_ascii_digit() || sign.is_ascii_uppercase());
    text.len() == 5 && signs && !["00", "01", "02"].contains(&&text[..2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_is_read_with_its_numbers_and_a_wrong_one_is_refused() {
        let parsed = |text| Deed::parse(text).unwrap();
        assert_eq!(parsed("cut after 5 bytes"), Some(Deed::CutAfter(5)));
        assert_eq!(
            parsed("delay 2s"),
            Some(Deed::Delay(Duration::from_secs(2)))
        );
        let error = Answer::Error("40P01".to_owned());
        assert_eq!(parsed("answer error 40P01"), Some(Deed::Answer(error)));
        assert_eq!(parsed("cut in half"), Some(Deed::CutInHalf));
        assert_eq!(parsed("kill"), None);
        for wrong in [
            "cut after 0 bytes",
            "delay soon",
            "answer error 00000",
            "answer error 4000",
        ] {
            assert!(Deed::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_answer_in_the_servers_place_needs_a_question_that_it_answers() {
        let error = Deed::Answer(Answer::Error("40001".to_owned()));
        error.must_fit(Event::Commit, false).unwrap();
        assert!(error.must_fit(Event::Execute, false).is_err());
        assert!(error.must_fit(Event::Commit, true).is_err());
        assert!(
            Deed::Answer(Answer::Nack)
                .must_fit(Event::Publish, false)
                .is_err()
        );
        Deed::Reset.must_fit(Event::Committed, true).unwrap();
    }
}
