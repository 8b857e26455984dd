//! What a consumer's transaction did.

use uuid::Uuid;

use super::names::Names;
use super::scripted::Scripted;
use crate::judge::auction::model::{Action, EventNo};
use crate::judge::auction::replay::{Received, Standing, Step, Told, Turn};

pub(super) fn tell(told: &Told<'_>, names: &Names, scripted: &mut Scripted) {
    let (mut new, mut applied) = (Vec::new(), Vec::new());
    for step in &told.steps {
        match step {
            Step::Received(turn) => {
                let row = turn.after.as_ref().or(turn.before.as_ref());
                let id = row.map_or(Uuid::nil(), |row| row.id);
                let Some(event) = names.announcing(id) else {
                    scripted.odd =
                        Some(format!("bid {id} was received, and no event announces it"));
                    continue;
                };
                bid(turn, event, scripted, (&mut new, &mut applied));
            }
            Step::Standing(turn) => stands(turn, names, scripted),
            _ => {}
        }
    }
    if !(new.is_empty() && applied.is_empty()) {
        scripted.actions.push(Action::Receive { new, applied });
    }
}

fn bid(
    turn: &Turn<Received>,
    event: EventNo,
    scripted: &mut Scripted,
    (new, applied): (&mut Vec<EventNo>, &mut Vec<EventNo>),
) {
    let Some(after) = &turn.after else {
        scripted.actions.push(Action::Forget { event });
        return;
    };
    let was = turn.before.as_ref().is_some_and(|row| row.applied);
    new.extend(turn.before.is_none().then_some(event));
    applied.extend((after.applied && !was).then_some(event));
}

fn stands(turn: &Turn<Standing>, names: &Names, scripted: &mut Scripted) {
    let Some(row) = &turn.after else {
        return;
    };
    let stands = u32::try_from(row.last_sequence).unwrap_or(0);
    match names.auction(row.key) {
        Some(auction) => _ = scripted.standings.insert(auction, stands),
        None if stands == 0 => {}
        None => {
            let key = row.key;
            scripted.odd = Some(format!(
                "auction {key} stands at {stands}, and no event announces a bid of it"
            ));
        }
    }
}
