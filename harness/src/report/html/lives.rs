//! Which processes and servers were away, and when: up is a line, and away is a hatched box that says how.

use maud::{Markup, html};

use crate::judge::course::{Band, Course};

const WIDTH: u64 = 900;
/// As over the other tracks.
const LEFT: u64 = 52;
const ROW: u64 = 24;

/// What ends a process or a server, or keeps it from doing anything, and what it then is.
const AWAY: [(&str, &str); 6] = [
    ("kill", "killed"),
    ("terminate", "ended"),
    ("stop", "ended"),
    ("cut power", "without power"),
    ("freeze", "frozen"),
    ("restart", "restarting"),
];

/// Away from then on, until it was back if it ever was.
struct Away {
    from_us: u64,
    until_us: u64,
    how: &'static str,
}

/// Nothing where all were up all the time.
pub(super) fn lives(course: &Course) -> Markup {
    let mut rows: Vec<(&str, Vec<Away>)> = Vec::new();
    let mut add = |name, away: Away| match rows.iter_mut().find(|(known, _)| *known == name) {
        Some((_, all)) => all.push(away),
        None => rows.push((name, vec![away])),
    };
    for band in &course.bands {
        if let Some(away) = away(course, band) {
            add(band.on.as_str(), away);
        }
    }
    for (at_us, process, _) in &course.deaths {
        let ended = Away {
            from_us: *at_us,
            until_us: course.length_us,
            how: "ended unasked",
        };
        add(process.as_str(), ended);
    }
    if rows.is_empty() {
        return html! {};
    }
    let height = rows.len() as u64 * ROW + 4;
    html! {
        figure {
            figcaption { strong { "processes and servers" } " that were away; the others were up" }
            svg viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label=(told(&rows)) {
                @for ((name, away), row) in rows.iter().zip(0_u64..) {
                    @let middle = row * ROW + ROW / 2;
                    text x="0" y=(middle + 4) { (name) }
                    line class="alive" x1=(LEFT) y1=(middle) x2=(WIDTH) y2=(middle) {}
                    @for one in away {
                        @let (from, until) = (x(course, one.from_us), x(course, one.until_us));
                        rect class="away" x=(from) y=(middle - 8) width=((until - from).max(2)) height="16" {}
                        // Where there is no room behind it, before it.
                        @if from < WIDTH * 4 / 5 { text class="how" x=(from + 3) y=(middle + 4) { (one.how) } }
                        @else { text class="how" x=(from - 3) y=(middle + 4) text-anchor="end" { (one.how) } }
                    }
                }
            }
        }
    }
}

fn away(course: &Course, band: &Band) -> Option<Away> {
    if band.on.contains("->") {
        return None;
    }
    let (_, how) = AWAY
        .iter()
        .find(|(action, _)| band.action.starts_with(action))?;
    Some(Away {
        from_us: band.applied_us?,
        until_us: band.healed_us.unwrap_or(course.length_us),
        how,
    })
}

fn x(course: &Course, at_us: u64) -> u64 {
    let span = u128::from(WIDTH - LEFT);
    let along = u128::from(at_us) * span / u128::from(course.length_us.max(1));
    LEFT + u64::try_from(along.min(span)).unwrap_or_default()
}

fn told(rows: &[(&str, Vec<Away>)]) -> String {
    let one = |away: &Away| {
        let (from, until) = (away.from_us as f64 / 1e6, away.until_us as f64 / 1e6);
        format!("{} from {from:.1} to {until:.1} s", away.how)
    };
    let each = rows.iter().map(|(name, away)| {
        let away: Vec<String> = away.iter().map(one).collect();
        format!("{name}: {}", away.join(", "))
    });
    each.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course() -> Course {
        let band = |on: &str, action: &str, from, until| Band {
            on: on.to_owned(),
            action: action.to_owned(),
            applied_us: Some(from),
            healed_us: until,
            ..Band::default()
        };
        Course {
            length_us: 10_000_000,
            bands: vec![
                band("relay 2", "freeze", 1_000_000, Some(3_000_000)),
                band("relay -> rabbitmq", "cut", 1_000_000, None),
                band("relay 2", "kill", 5_000_000, None),
            ],
            deaths: vec![(7_000_000, "api 1".to_owned(), "exit status 1".to_owned())],
            ..Course::default()
        }
    }

    #[test]
    fn who_was_away_has_a_row_with_each_time_and_how() {
        let drawn = lives(&course()).into_string();
        let said = "relay 2: frozen from 1.0 to 3.0 s, killed from 5.0 to 10.0 s; api 1: ended unasked from 7.0 to 10.0 s";
        assert!(drawn.contains(said), "{drawn}");
        assert_eq!(drawn.matches("class=\"away\"").count(), 3);
        assert_eq!(drawn.matches("class=\"alive\"").count(), 2);
    }

    #[test]
    fn where_nobody_was_away_there_is_nothing() {
        let mut course = course();
        course.bands.retain(|band| band.on.contains("->"));
        course.deaths.clear();
        assert_eq!(lives(&course).into_string(), "");
    }
}
