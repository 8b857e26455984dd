//! Values of JSON that are read into types which cannot be wrong.

/// Reads a type by way of another one. What is of another JSON type gets the same answer as what has a wrong value: both
/// say what was expected, in the words of the type's own error.
macro_rules! from_json {
    ($type:ty, $raw:ty, $error:expr) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use serde::de::Error;
                let value = serde_json::Value::deserialize(deserializer)?;
                let raw: Option<$raw> = $crate::from_json::Raw::of(value);
                raw.ok_or($error)
                    .and_then(Self::try_from)
                    .map_err(D::Error::custom)
            }
        }
    };
}
pub(crate) use from_json;

/// What JSON has.
pub(crate) trait Raw: Sized {
    /// The value, if it is of this type.
    fn of(value: serde_json::Value) -> Option<Self>;
}

impl Raw for String {
    fn of(value: serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::String(text) => Some(text),
            _ => None,
        }
    }
}

impl Raw for i64 {
    fn of(value: serde_json::Value) -> Option<Self> {
        // In JSON, 7.0 is a whole number, too. Beyond 2^53 a fraction may have been lost when it was read.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match value.as_f64() {
            Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() < EXACT => {
                Some(number as i64)
            }
            _ => value.as_i64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_whole_however_they_are_written() {
        let read = |text: &str| i64::of(serde_json::from_str(text).expect("JSON"));
        assert_eq!(read("7.0"), Some(7));
        assert_eq!(read("1e3"), Some(1000));
        assert_eq!(read("9223372036854775807"), Some(i64::MAX));
        for wrong in [
            "7.5",
            "9223372036854775808",
            "1e18",
            "-1e300",
            "null",
            "\"7\"",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
