//! OTLP's JSON. It is protobuf's JSON but for three rules: ids are hex and not base64, enums are numbers
//! and not names, and field names are written in one way only. From protobuf's it has: 64-bit numbers as
//! strings (numbers are taken as well), `null` for what is not there, unknown fields skipped.
//!
//! # Left out
//!
//! Numbers in an exponent's form for whole numbers (`1e3`), which protobuf's readers take. The last bit of a
//! double: `serde_json` rounds it exactly only with a feature that every program here would pay for.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::wire::{self, ArrayValue, KeyValueList, Value};

/// `null` is what is not there.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A 64-bit number: most readers of JSON keep 53 bits of one, so it is written as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number<T> {
    Number(T),
    Text(String),
}

impl<T: std::str::FromStr> Number<T> {
    fn read<E: de::Error>(self) -> Result<T, E> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Text(text) => {
                let bad =
                    |_| E::custom(format!("a 64-bit number is digits in a string, not {text:?}"));
                text.parse().map_err(bad)
            }
        }
    }
}

/// A 64-bit number of either sign.
pub(super) mod number64 {
    use super::{Deserialize, Deserializer, Number, Serializer};

    pub(in super::super) fn serialize<S: Serializer, T: std::fmt::Display>(
        number: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(in super::super) fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de> + std::str::FromStr + Default,
    {
        let number = Option::<Number<T>>::deserialize(deserializer)?;
        number.map_or(Ok(T::default()), Number::read)
    }
}

/// An id.
pub(super) mod hex {
    use super::{Deserialize, Deserializer, Serializer, de};

    /// Longer than any id.
    const MAX: usize = 64;

    pub(in super::super) fn serialize<S: Serializer>(
        id: &[u8],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let digits: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&digits)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let digits = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let bytes = digits.as_bytes().chunks(2).map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        });
        let bad = || de::Error::custom("an id is an even number of hex digits, 64 at most");
        if digits.len() > MAX { Err(bad()) } else { bytes.collect::<Option<_>>().ok_or_else(bad) }
    }
}

/// Bytes in base64, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A value as JSON: one of these, or none.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AnyValue {
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bool_value: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    int_value: Option<Int>,
    #[serde(skip_serializing_if = "Option::is_none")]
    double_value: Option<Double>,
    #[serde(skip_serializing_if = "Option::is_none")]
    array_value: Option<ArrayValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kvlist_value: Option<KeyValueList>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_value: Option<Bytes>,
}

#[derive(Serialize, Deserialize)]
struct Int(#[serde(with = "number64")] i64);

struct Double(f64);

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number if number.is_nan() => serializer.serialize_str("NaN"),
            f64::INFINITY => serializer.serialize_str("Infinity"),
            f64::NEG_INFINITY => serializer.serialize_str("-Infinity"),
            number => serializer.serialize_f64(number),
        }
    }
}

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Number::deserialize(deserializer)?.read().map(Self)
    }
}

struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text).map(Self).map_err(|e| de::Error::custom(format!("bytesValue: {e}")))
    }
}

impl From<AnyValue> for wire::AnyValue {
    fn from(json: AnyValue) -> Self {
        let AnyValue {
            string_value,
            bool_value,
            int_value,
            double_value,
            array_value,
            kvlist_value,
            bytes_value,
        } = json;
        let value = string_value
            .map(Value::String)
            .or(bool_value.map(Value::Bool))
            .or(int_value.map(|Int(number)| Value::Int(number)))
            .or(double_value.map(|Double(number)| Value::Double(number)))
            .or(array_value.map(Value::Array))
            .or(kvlist_value.map(Value::Kvlist))
            .or(bytes_value.map(|Bytes(bytes)| Value::Bytes(bytes)));
        Self { value }
    }
}

impl From<wire::AnyValue> for AnyValue {
    fn from(any: wire::AnyValue) -> Self {
        let mut json = Self::default();
        match any.value {
            None => {}
            Some(Value::String(text)) => json.string_value = Some(text),
            Some(Value::Bool(bool)) => json.bool_value = Some(bool),
            Some(Value::Int(number)) => json.int_value = Some(Int(number)),
            Some(Value::Double(number)) => json.double_value = Some(Double(number)),
            Some(Value::Array(values)) => json.array_value = Some(values),
            Some(Value::Kvlist(values)) => json.kvlist_value = Some(values),
            Some(Value::Bytes(bytes)) => json.bytes_value = Some(Bytes(bytes)),
        }
        json
    }
}
