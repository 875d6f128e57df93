//! Exact decimals as text.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

/// An exact decimal with at most three digits after the point, kept in whole thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(i64);

/// The most digits before the point.
const DIGITS: usize = 12;

impl Decimal {
    /// The decimal that is so many thousandths.
    pub const fn thousandths(thousandths: i64) -> Self {
        Self(thousandths)
    }

    /// How many thousandths it is.
    pub const fn in_thousandths(self) -> i64 {
        self.0
    }

    fn read(text: &str) -> Option<Self> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) || whole.len() > DIGITS || fraction.len() > 3 {
            return None;
        }
        let whole: i64 = whole.parse().ok()?;
        let fraction: i64 = format!("{fraction:0<3}").parse().ok()?;
        Some(Self(sign * (whole * 1000 + fraction)))
    }

    fn write(self) -> String {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let text = format!("{sign}{}.{:03}", size / 1000, size % 1000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// An exact decimal as text, such as `"87.5"`: up to 12 digits, then at most three after the point. Never a
/// floating-point number; a whole number is understood as input too.
#[Scalar]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        let read = match &value {
            Value::String(text) => Self::read(text),
            Value::Number(number) => number.as_i64().and_then(|whole| Self::read(&whole.to_string())),
            _ => None,
        };
        read.ok_or_else(|| {
            InputValueError::custom("A decimal is a text such as \"87.5\" with at most three digits after the point.")
        })
    }

    fn to_value(&self) -> Value {
        Value::String(self.write())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_exact_decimals_are_read() {
        assert_eq!(Decimal::read("87.5"), Some(Decimal(87_500)));
        assert_eq!(Decimal::read("-0.001"), Some(Decimal(-1)));
        for wrong in [
            "",
            ".",
            "1.",
            ".5",
            "1e3",
            "1e309",
            "NaN",
            "1.2345",
            "９",
            "1 ",
            "9999999999999",
            "+1",
        ] {
            assert_eq!(Decimal::read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_decimal_reads_back(thousandths in -999_999_999_999_i64..999_999_999_999) {
            let decimal = Decimal(thousandths);
            prop_assert_eq!(Decimal::read(&decimal.write()), Some(decimal));
        }
    }
}
