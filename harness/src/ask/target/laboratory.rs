//! `[laboratory]`: settings that shorten what would take long, and how fast the target is with them.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::{
    process::{Named, Variable},
    span::{Rate, Span},
    text::{OfProcess, Text},
    timing::Timing,
};

/// As the file says it.
#[derive(Debug, Default)]
pub(super) struct Laboratory {
    /// Laid over each process's environment.
    pub settings: Named<Variable>,
    /// Laid over `[pace]`.
    pub pace: Faster,
}

/// How fast the target is with these settings; what is not said is as without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faster {
    recovers_within: Option<Span>,
    drains: Option<Rate>,
    ready_within: Option<Span>,
    stops_within: Option<Span>,
    rests: Option<Span>,
}

impl Faster {
    /// The pace with these settings.
    pub fn over(self, pace: Timing) -> Timing {
        Timing {
            recovers_within: self.recovers_within.unwrap_or(pace.recovers_within),
            drains: self.drains.unwrap_or(pace.drains),
            ready_within: self.ready_within.unwrap_or(pace.ready_within),
            stops_within: self.stops_within.unwrap_or(pace.stops_within),
            rests: self.rests.or(pace.rests),
        }
    }
}

/// By hand: a flattened table would not know in which line a mistake stands.
impl<'de> Deserialize<'de> for Laboratory {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Table;

        impl<'de> Visitor<'de> for Table {
            type Value = Laboratory;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("settings by name, and perhaps a table pace")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Laboratory, A::Error> {
                let mut laboratory = Laboratory::default();
                while let Some(name) = map.next_key::<Variable>()? {
                    match name.as_str() {
                        "pace" => laboratory.pace = map.next_value()?,
                        _ => {
                            let text: Text<OfProcess> = map.next_value()?;
                            laboratory.settings.insert(name, text);
                        }
                    }
                }
                Ok(laboratory)
            }
        }

        from.deserialize_map(Table)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::ask::target::{
        Target,
        tests::{LEAST, says},
    };

    fn with(lines: &str) -> String {
        format!("{LEAST}[laboratory]\nSHOP_POLL_MS = \"200\"\n{lines}")
    }

    #[test]
    fn its_pace_is_that_of_its_settings_and_of_nothing_else() {
        let text = with("pace = { recovers_within = \"5s\" }");
        let target = Target::read(&text).unwrap();
        assert_eq!(target.laboratory.len(), 1);
        let within = |as_shipped| {
            let target = target.clone().at_its_pace(as_shipped);
            (
                target.pace.recovers_within.get(),
                target.pace.stops_within.get(),
            )
        };
        let (five, fifteen) = (Duration::from_secs(5), Duration::from_secs(15));
        assert_eq!(within(false), (five, fifteen));
        assert_eq!(within(true), (fifteen, fifteen));
        let table = with("[laboratory.pace]\nstops_within = \"1s\"");
        let target = Target::read(&table).unwrap().at_its_pace(false);
        assert_eq!(target.pace.stops_within.get(), Duration::from_secs(1));
    }

    #[test]
    fn what_is_no_pace_is_refused_with_its_line() {
        let sound = with("[laboratory.pace]\nstops_within = \"1s\"");
        says(&sound, "\"1s\"", "\"soon\"", 14, "soon");
        says(&sound, "stops_within", "stop_within", 14, "stops_within");
        says(&sound, "\"200\"", "200", 12, "200");
    }
}
