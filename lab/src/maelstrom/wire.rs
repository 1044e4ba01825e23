//! Maelstrom's lines: reading them within limits, and writing them.
//!
//! # Left out
//!
//! The `id` that Maelstrom gives its messages: it is for its journal alone.

use std::fmt::Display;
use std::io::{self, BufRead, Read as _, Write};
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Code, Operation};
use crate::{MAX_MESSAGE, NodeId};

/// The longest line that is read. A message of [`MAX_MESSAGE`] bytes is several times as long in JSON.
pub const MAX_LINE: usize = 8 << 20;
/// The longest line of a client; its key and values together, in their shortest form, have at most half
/// of it, so that they fit into a message.
pub const MAX_REQUEST: usize = 1 << 20;
/// The longest name of a node or a client.
const MAX_NAME: usize = 64;

/// What comes next in a stream.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Next {
    Line(Vec<u8>),
    /// A line beyond [`MAX_LINE`], which was not kept.
    TooLong,
    End,
}

/// Reads to the end of a line. The last one may end with the stream.
pub(super) fn read_line(stream: &mut impl BufRead) -> io::Result<Next> {
    let mut bytes = Vec::new();
    stream.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut bytes)?;
    if bytes.pop_if(|last| *last == b'\n').is_some() {
        return Ok(Next::Line(bytes));
    }
    if bytes.len() <= MAX_LINE {
        return Ok(if bytes.is_empty() { Next::End } else { Next::Line(bytes) });
    }
    stream.skip_until(b'\n')?;
    Ok(Next::TooLong)
}

/// A message of the bench's network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    pub(super) src: String,
    pub(super) dest: String,
    pub(super) body: Map<String, Value>,
}

/// Why a line is not a message, and which request is to be told.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{why}")]
pub(super) struct Malformed {
    pub(super) why: String,
    pub(super) asked: Option<Asked>,
}

/// A request that can be answered: who sent it, and its number there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    pub(super) src: String,
    pub(super) msg_id: u64,
}

impl Line {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let not = |why: String| Malformed { why, asked: None };
        let line: Value = serde_json::from_slice(bytes)
            .map_err(|e| not(format!("not a line of JSON: {e}; send one object per line")))?;
        let Value::Object(mut line) = line else {
            return Err(not("not an object; send src, dest and body".into()));
        };
        let src = name(line.remove("src")).ok_or_else(|| not(no_name("src")))?;
        let Some(Value::Object(body)) = line.remove("body") else {
            return Err(not("`body` is not an object; give it a type".into()));
        };
        let Some(dest) = name(line.remove("dest")) else {
            let asked = asked(&src, &body);
            return Err(Malformed { why: no_name("dest"), asked });
        };
        Ok(Self { src, dest, body })
    }

    /// The request, if it can be answered.
    pub(super) fn asked(&self) -> Option<Asked> {
        asked(&self.src, &self.body)
    }

    pub(super) fn malformed(&self, why: impl Display) -> Malformed {
        Malformed { why: why.to_string(), asked: self.asked() }
    }

    /// What sort of message.
    pub(super) fn kind(&self) -> Result<&str, Malformed> {
        let kind = self.body.get("type").and_then(Value::as_str);
        kind.ok_or_else(|| self.malformed("`type` is not a word; say which request this is"))
    }

    /// What a client asks for; `None` if that is not of this workload. `len` is the line's.
    pub(super) fn operation(&self, len: usize) -> Result<Option<Operation>, Malformed> {
        if len > MAX_REQUEST {
            let why = format!("a request of {len} bytes, {MAX_REQUEST} are the limit; send less");
            return Err(self.malformed(why));
        }
        let text = |field: &str| match self.body.get(field) {
            Some(value) => Ok(value.to_string()),
            None => Err(self.malformed(format!("no `{field}`; every {} has one", self.kind()?))),
        };
        let operation = match self.kind()? {
            "read" => Operation::Read { key: text("key")? },
            "write" => Operation::Write { key: text("key")?, value: text("value")? },
            "cas" => Operation::Cas { key: text("key")?, from: text("from")?, to: text("to")? },
            _ => return Ok(None),
        };
        let texts = match &operation {
            Operation::Read { key } => key.len(),
            Operation::Write { key, value } => key.len() + value.len(),
            Operation::Cas { key, from, to } => key.len() + from.len() + to.len(),
        };
        const { assert!(MAX_REQUEST / 2 < MAX_MESSAGE, "what is asked fits into a message") }
        if texts > MAX_REQUEST / 2 {
            let why = format!("{texts} bytes of key and values; send {} at most", MAX_REQUEST / 2);
            return Err(self.malformed(why));
        }
        Ok(Some(operation))
    }
}

fn name(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(name)) if (1..=MAX_NAME).contains(&name.len()) => Some(name),
        _ => None,
    }
}

fn no_name(field: &str) -> String {
    format!("`{field}` is not a name of 1 to {MAX_NAME} bytes, such as n1 or c1")
}

fn asked(src: &str, body: &Map<String, Value>) -> Option<Asked> {
    let msg_id = body.get("msg_id")?.as_u64()?;
    Some(Asked { src: src.to_owned(), msg_id })
}

/// What a node answers.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Reply {
    InitOk { in_reply_to: u64 },
    ReadOk { value: Value, in_reply_to: u64 },
    WriteOk { in_reply_to: u64 },
    CasOk { in_reply_to: u64 },
    Error { in_reply_to: u64, code: u64, text: String },
}

impl Reply {
    pub(super) fn error(in_reply_to: u64, code: Code, text: impl Display) -> Self {
        Self::Error { in_reply_to, code: code.number(), text: text.to_string() }
    }
}

/// A message between nodes. `to` is a client of the receiver, if it is not for the receiver itself.
#[derive(Serialize)]
#[serde(tag = "type", rename = "node")]
pub(super) struct Carried<'a, M> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<NodeId>,
    pub(super) msg: &'a M,
}

/// Appends a line.
pub(super) fn append(
    src: &str,
    dest: &str,
    body: &impl Serialize,
    out: &mut Vec<u8>,
) -> serde_json::Result<()> {
    #[derive(Serialize)]
    struct Outgoing<'a, B> {
        src: &'a str,
        dest: &'a str,
        body: &'a B,
    }
    serde_json::to_writer(&mut *out, &Outgoing { src, dest, body })?;
    out.push(b'\n');
    Ok(())
}

/// Where a node's lines go. A writer waits while the bench does not read.
#[derive(Clone)]
pub(super) struct Output(Arc<Mutex<Box<dyn Write + Send>>>);

impl Output {
    pub(super) fn new(stream: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(stream))))
    }

    /// Writes whole lines.
    pub(super) fn write(&self, lines: &[u8]) {
        let mut stream = self.0.lock().expect("no thread panics with this lock held");
        // The bench has closed its side: its end of standard input ends this node.
        if let Err(error) = stream.write_all(lines).and_then(|()| stream.flush()) {
            eprintln!("standard output is closed, a line is lost: {error}");
        }
    }

    pub(super) fn reply(&self, me: &str, client: &str, reply: &Reply) {
        let mut line = Vec::new();
        append(me, client, reply, &mut line).expect("names and JSON become JSON");
        self.write(&line);
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    fn lines(text: &[u8]) -> Vec<Next> {
        let mut stream = BufReader::with_capacity(7, text);
        let next = || Some(read_line(&mut stream).unwrap()).filter(|next| *next != Next::End);
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn a_line_of_the_limit_is_read_and_a_longer_one_is_skipped() {
        let full = vec![b'x'; MAX_LINE];
        let text = [&full[..], b"\nx", &full[..], b"\nlast"].concat();
        let expected = [Next::Line(full), Next::TooLong, Next::Line(b"last".to_vec())];
        assert!(lines(&text) == expected);
        assert!(lines(&vec![b'x'; MAX_LINE + 1]) == [Next::TooLong]);
        assert_eq!(lines(b"\n\na"), [&b""[..], b"", b"a"].map(|line| Next::Line(line.to_vec())));
    }

    /// Lines that are close to messages.
    fn likely() -> impl Strategy<Value = Vec<u8>> {
        let pieces = [
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "src",
            "dest",
            "body",
            "type",
            "msg_id",
            "c1",
            "read",
            "\"src\":\"c1\",",
            "\"dest\":\"n1\",",
            "\"body\":{",
            "\"type\":\"read\",",
            "\"msg_id\":1",
            "\"key\":",
            "\"value\":",
            "1e999",
            "-",
            "0",
            "18446744073709551616",
            "null",
            "\\u0000",
            "é",
        ];
        let piece = prop_oneof![
            9 => prop::sample::select(pieces.map(str::as_bytes).map(<[u8]>::to_vec).to_vec()),
            1 => any::<u8>().prop_map(|byte| vec![byte]),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in likely()) {
            let parsed = Line::parse(&bytes);
            if let Ok(line) = &parsed {
                let _ = (line.asked(), line.kind(), line.operation(bytes.len()));
            }
            for line in lines(&bytes) {
                prop_assert!(!matches!(line, Next::Line(line) if line.contains(&b'\n')));
            }
        }

        #[test]
        fn what_is_written_is_read(src in ".{1,12}", dest in ".{1,12}", key in ".{0,12}", id: u64) {
            let body = serde_json::json!({ "type": "read", "key": key, "msg_id": id });
            let mut bytes = Vec::new();
            append(&src, &dest, &body, &mut bytes).unwrap();
            prop_assert_eq!(bytes.pop(), Some(b'\n'));
            prop_assert!(!bytes.contains(&b'\n'));
            let line = Line::parse(&bytes).unwrap();
            prop_assert_eq!((&line.src, &line.dest), (&src, &dest));
            prop_assert_eq!(line.asked(), Some(Asked { src, msg_id: id }));
            let key = serde_json::to_string(&key).unwrap();
            prop_assert_eq!(line.operation(bytes.len()), Ok(Some(Operation::Read { key })));
        }
    }
}
