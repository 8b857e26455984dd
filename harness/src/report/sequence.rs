//! An operation's way from its request to its effect, as a sequence diagram.

use std::fmt::Write as _;

use crate::history::Step;

/// The least distance between two lifelines: a word with its arrow fits between them.
const COLUMN: usize = 18;
/// Where participants stand, by what their names begin with.
const ORDER: [&str; 6] = ["client", "api", "postgres", "relay", "rabbitmq", "consumer"];

/// Draws steps in the order of their times. Empty for no steps.
pub fn draw(steps: &[Step]) -> String {
    let names = participants(steps);
    let mut drawn = String::new();
    if names.is_empty() {
        return drawn;
    }
    let _ = write!(drawn, "{:>12}  ", "");
    for name in &names {
        let _ = write!(drawn, "{name:^COLUMN$}");
    }
    trim_and_break(&mut drawn);
    for step in steps {
        let (ms, us) = (step.at_us / 1000, step.at_us % 1000);
        let _ = write!(drawn, "{ms:>5}.{us:03} ms  ");
        drawn.push_str(&line(&names, step));
        trim_and_break(&mut drawn);
    }
    drawn
}

fn trim_and_break(drawn: &mut String) {
    drawn.truncate(drawn.trim_end_matches(' ').len());
    drawn.push('\n');
}

fn participants(steps: &[Step]) -> Vec<String> {
    let mut names: Vec<&String> = steps
        .iter()
        .flat_map(|step| [&step.from, &step.to])
        .collect();
    let place = |name: &str| ORDER.iter().position(|known| name.starts_with(known));
    names.sort_by_key(|name| (place(name).unwrap_or(ORDER.len()), (*name).clone()));
    names.dedup();
    names.into_iter().cloned().collect()
}

fn line(names: &[String], step: &Step) -> String {
    let column = |wanted: &str| names.iter().position(|name| name == wanted).unwrap_or(0);
    let centre = |column: usize| column * COLUMN + COLUMN / 2;
    let mut signs: Vec<char> = vec![' '; names.len() * COLUMN];
    for at in 0..names.len() {
        signs[centre(at)] = '│';
    }
    let (from, to) = (centre(column(&step.from)), centre(column(&step.to)));
    let (left, right) = (from.min(to), from.max(to));
    for sign in &mut signs[left + 1..right] {
        *sign = '─';
    }
    if step.struck {
        signs[(left + right) / 2] = '✗';
    }
    match from < to {
        true => signs[right - 1] = '▶',
        false => signs[left + 1] = '◀',
    }
    let arrow: String = signs.into_iter().collect();
    let struck = if step.struck {
        "  (struck by a fault)"
    } else {
        ""
    };
    format!("{arrow}  {}{struck}", step.what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(at_us: u64, from: &str, to: &str, what: &str, struck: bool) -> Step {
        Step {
            at_us,
            from: from.to_owned(),
            to: to.to_owned(),
            what: what.to_owned(),
            struck,
        }
    }

    #[test]
    fn each_step_is_an_arrow_between_two_lifelines() {
        let drawn = draw(&[
            step(1_500, "client", "api 1", "request", false),
            step(2_000, "api 1", "postgres", "commit", false),
            step(2_750, "postgres", "api 1", "committed", true),
        ]);
        assert_eq!(
            drawn,
            "                    client            api 1            postgres
    1.500 ms           │────────────────▶│                 │          request
    2.000 ms           │                 │────────────────▶│          commit
    2.750 ms           │                 │◀───────✗────────│          committed  (struck by a fault)
"
        );
    }

    #[test]
    fn nobody_who_says_nothing_is_drawn() {
        assert_eq!(draw(&[]), "");
    }
}
