//! Amounts and the currency that they are in.

use serde::Serialize;
use utoipa::ToSchema;

use crate::from_json::from_json;

/// An amount in the currency's minor unit (cents). Greater than zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, sqlx::Type, ToSchema)]
#[sqlx(transparent)]
#[schema(value_type = i64, minimum = 1, maximum = 9223372036854775807i64)]
pub struct Amount(i64);

impl Amount {
    /// The number of minor units.
    pub fn minor_units(self) -> i64 {
        self.0
    }
}

/// Why a number is not an [`Amount`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a whole number of minor units greater than zero")]
pub struct NotAnAmount;

impl TryFrom<i64> for Amount {
    type Error = NotAnAmount;

    fn try_from(units: i64) -> Result<Self, NotAnAmount> {
        if units > 0 {
            Ok(Self(units))
        } else {
            Err(NotAnAmount)
        }
    }
}

/// An ISO 4217 code, such as `EUR`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::Type, ToSchema)]
#[sqlx(transparent)]
#[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
pub struct Currency(String);

/// Why a text is not a [`Currency`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a currency is three capital letters (ISO 4217)")]
pub struct NotACurrency;

impl TryFrom<String> for Currency {
    type Error = NotACurrency;

    fn try_from(code: String) -> Result<Self, NotACurrency> {
        let known_shape = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        if known_shape {
            Ok(Self(code))
        } else {
            Err(NotACurrency)
        }
    }
}

from_json!(Amount, i64, NotAnAmount);
from_json!(Currency, String, NotACurrency);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_start_at_one() {
        assert_eq!(Amount::try_from(1).map(Amount::minor_units), Ok(1));
        assert_eq!(
            Amount::try_from(i64::MAX).map(Amount::minor_units),
            Ok(i64::MAX)
        );
        assert_eq!(Amount::try_from(0), Err(NotAnAmount));
        assert_eq!(Amount::try_from(i64::MIN), Err(NotAnAmount));
    }

    #[test]
    fn a_currency_is_three_capitals() {
        assert!(Currency::try_from("EUR".to_owned()).is_ok());
        for wrong in ["", "EU", "eur", "EURO", "ÄÖ", "E\0R", "E R"] {
            assert!(Currency::try_from(wrong.to_owned()).is_err(), "{wrong:?}");
        }
    }
}
