//! One window on its way, and what its confirms say.

use std::collections::HashSet;

use futures_util::FutureExt;
use lapin::{Confirmation, PublisherConfirm, message::BasicReturnMessage};
use uuid::Uuid;

use super::{Fate, Lost, Patience};
use crate::broker::Outage;

/// What all confirms of a publisher have said so far.
#[derive(Default)]
pub(super) struct Answers {
    /// Message ids that came back, by whichever confirm.
    returned: HashSet<Uuid>,
    /// A message went out, or may have, whose confirm nobody listens to.
    pub unheard: bool,
    /// A confirm failed, or did not come in time.
    lost: bool,
    /// The connection is of no more use,
    over: bool,
    /// and why, until somebody has asked.
    pub outage: Option<Outage>,
}

/// A window's messages and what is known of each.
pub(super) struct Flight {
    ids: Vec<Uuid>,
    slots: Vec<Slot>,
}

enum Slot {
    /// Not sent, or sent and never to be answered.
    Lost,
    Waiting(PublisherConfirm),
    /// Confirmed; `carried` is whether the confirm brought some message's return with it.
    Acked {
        carried: bool,
    },
    Nacked,
}

impl Answers {
    pub fn has_returns(&self) -> bool {
        !self.returned.is_empty()
    }

    fn hear(&mut self, answer: lapin::Result<Confirmation>) -> Slot {
        match answer {
            Ok(Confirmation::Ack(returned)) => Slot::Acked {
                carried: self.note(returned),
            },
            Ok(Confirmation::Nack(returned)) => {
                self.note(returned);
                Slot::Nacked
            }
            Ok(Confirmation::NotRequested) => self.lose(Outage::NoConfirms),
            Err(error) => self.lose(Outage::Lost(error)),
        }
    }

    fn note(&mut self, returned: Option<BasicReturnMessage>) -> bool {
        let Some(message) = returned else {
            return false;
        };
        let id = message.delivery.properties.message_id().as_ref();
        // A return that names no message of ours could be any of them.
        match id.and_then(|id| Uuid::try_parse(id.as_str()).ok()) {
            Some(id) => {
                self.returned.insert(id);
            }
            None => self.unheard = true,
        }
        true
    }

    fn lose(&mut self, why: Outage) -> Slot {
        self.lost = true;
        self.give_up(why);
        Slot::Lost
    }

    /// Nothing is waited for any more.
    pub fn give_up(&mut self, why: Outage) {
        if !std::mem::replace(&mut self.over, true) {
            self.outage = Some(why);
        }
    }

    pub fn is_over(&self) -> bool {
        self.over
    }
}

impl Flight {
    /// A window of which nothing was sent yet.
    pub fn of(ids: impl Iterator<Item = Uuid>) -> Self {
        let ids: Vec<Uuid> = ids.collect();
        let slots = Vec::with_capacity(ids.len());
        Self { ids, slots }
    }

    /// The next message was sent, or could not be.
    pub fn sent(&mut self, confirm: lapin::Result<PublisherConfirm>, answers: &mut Answers) {
        self.slots.push(match confirm {
            Ok(confirm) => Slot::Waiting(confirm),
            Err(error) => answers.lose(Outage::Lost(error)),
        });
    }

    /// Nothing more of it is sent.
    pub fn seal(&mut self, answers: &mut Answers) {
        answers.lost |= self.slots.len() < self.ids.len();
        self.slots.resize_with(self.ids.len(), || Slot::Lost);
    }

    /// Waits for every confirm, each with patience, after an outage not at all. Can be dropped and called again.
    pub async fn answered(&mut self, answers: &mut Answers, patience: &Patience) {
        for slot in &mut self.slots {
            let Slot::Waiting(confirm) = slot else {
                continue;
            };
            let answer = if answers.is_over() {
                confirm.now_or_never().ok_or(Lost)
            } else {
                patience.wait(confirm).await
            };
            *slot = match answer {
                Ok(answer) => answers.hear(answer),
                Err(Lost) => answers.lose(patience.lost("confirming a window")),
            };
        }
    }

    /// Hears the confirms that are there already.
    pub fn harvest(&mut self, answers: &mut Answers) {
        for slot in &mut self.slots {
            if let Slot::Waiting(confirm) = slot
                && let Some(answer) = confirm.now_or_never()
            {
                *slot = answers.hear(answer);
            }
        }
    }

    /// Each message's fate, by the rules of [the publisher](super).
    pub fn fates(&self, answers: &Answers) -> Vec<Fate> {
        let fate = |(id, slot): (&Uuid, &Slot)| match slot {
            _ if answers.returned.contains(id) => Fate::Returned,
            Slot::Acked { carried: false } if !answers.unheard => Fate::Confirmed,
            // Somebody else's return came with this confirm, and its own may be waiting for one that never came.
            Slot::Acked { carried: true } if !answers.unheard && !answers.lost => Fate::Confirmed,
            Slot::Nacked => Fate::Nacked,
            Slot::Acked { .. } | Slot::Waiting(_) | Slot::Lost => Fate::Unknown,
        };
        self.ids.iter().zip(&self.slots).map(fate).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Slot = Slot::Acked { carried: false };
    const CARRYING: Slot = Slot::Acked { carried: true };

    fn fates(slots: impl IntoIterator<Item = Slot>, answers: &Answers) -> Vec<Fate> {
        let (ids, slots) = (1..).map(Uuid::from_u128).zip(slots).unzip();
        Flight { ids, slots }.fates(answers)
    }

    fn returned(id: u128) -> Answers {
        Answers {
            returned: HashSet::from([Uuid::from_u128(id)]),
            ..Answers::default()
        }
    }

    #[test]
    fn a_return_counts_for_its_own_message_whoever_s_confirm_brought_it() {
        assert_eq!(
            fates([CARRYING, PLAIN], &returned(2)),
            [Fate::Confirmed, Fate::Returned]
        );
    }

    #[test]
    fn a_confirm_that_carries_nothing_is_good_even_when_others_were_lost() {
        let answers = Answers {
            lost: true,
            ..Answers::default()
        };
        assert_eq!(
            fates([PLAIN, Slot::Lost], &answers),
            [Fate::Confirmed, Fate::Unknown]
        );
    }

    #[test]
    fn a_confirm_that_carries_another_s_return_is_good_only_when_none_was_lost() {
        let mut answers = returned(9);
        assert_eq!(fates([CARRYING], &answers), [Fate::Confirmed]);
        answers.lost = true;
        assert_eq!(fates([CARRYING], &answers), [Fate::Unknown]);
    }

    #[test]
    fn where_a_confirm_went_unheard_none_is_trusted() {
        let answers = Answers {
            unheard: true,
            ..Answers::default()
        };
        assert_eq!(
            fates([PLAIN, CARRYING, Slot::Nacked], &answers),
            [Fate::Unknown, Fate::Unknown, Fate::Nacked]
        );
    }
}
