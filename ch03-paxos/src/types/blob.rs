//! Bytes of a key or a value.

use std::fmt::{self, Debug, Display, Formatter, Write as _};

use bytes::Bytes;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How much of a long one a log shows.
const SHOWN: usize = 40;

/// Any bytes. In JSON they are text, with `\x07` for what is not printable ASCII; on the wire and in a
/// log they are themselves. Cloning one copies no bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Blob(pub Bytes);

impl Blob {
    /// The bytes of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The integer that these bytes are in decimal.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        let text = std::str::from_utf8(&self.0).ok()?;
        let number: i64 = text.parse().ok()?;
        // Only as it would be written: `+1` and `007` are texts.
        (number.to_string() == text).then_some(number)
    }
}

impl From<i64> for Blob {
    fn from(number: i64) -> Self {
        Self(Bytes::from(number.to_string()))
    }
}

impl Display for Blob {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0[..self.len().min(SHOWN)].escape_ascii())?;
        if self.len() > SHOWN { write!(f, "… ({} bytes)", self.len()) } else { Ok(()) }
    }
}

impl Debug for Blob {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        Display::fmt(self, f)?;
        f.write_char('"')
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if !to.is_human_readable() {
            return to.serialize_bytes(&self.0);
        }
        let escape = |byte: &u8| match byte {
            b'\\' => "\\x5c".to_owned(),
            b' '..=b'~' => char::from(*byte).to_string(),
            other => format!("\\x{other:02x}"),
        };
        to.collect_str(&self.0.iter().map(escape).collect::<String>())
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            from.deserialize_str(Reader)
        } else {
            from.deserialize_bytes(Reader)
        }
    }
}

struct Reader;

impl Visitor<'_> for Reader {
    type Value = Blob;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, or ASCII text with \\xNN for other bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Blob, E> {
        Ok(Blob(Bytes::copy_from_slice(bytes)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Blob, E> {
        let mut parts = text.split('\\');
        let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            let digits = part.strip_prefix('x').and_then(|part| part.split_at_checked(2));
            let byte =
                digits.and_then(|(hex, rest)| Some((u8::from_str_radix(hex, 16).ok()?, rest)));
            let (byte, rest) = byte.ok_or_else(|| E::custom(format!("no \\xNN in {text:?}")))?;
            bytes.push(byte);
            bytes.extend_from_slice(rest.as_bytes());
        }
        Ok(Blob(Bytes::from(bytes)))
    }
}
