//! Maelstrom's error codes.
//!
//! # Left out
//!
//! Codes from 1,000 on: they are a program's own.

use std::fmt;

/// Why a request is not done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Code {
    /// No answer came in time. Indefinite.
    Timeout,
    /// The request was for a node that does not exist.
    NodeNotFound,
    /// The node has no such operation.
    NotSupported,
    /// The node does not serve requests now.
    TemporarilyUnavailable,
    /// The request has not the form of one.
    MalformedRequest,
    /// The node cannot tell whether it was, or will be, done. Indefinite.
    Crash,
    /// The node gave it up before it had any effect.
    Abort,
    /// There is no such key.
    KeyDoesNotExist,
    /// There is such a key.
    KeyAlreadyExists,
    /// The key has another value.
    PreconditionFailed,
    /// A transaction collided with another one.
    TxnConflict,
}

const NUMBERS: [(Code, u64); 11] = [
    (Code::Timeout, 0),
    (Code::NodeNotFound, 1),
    (Code::NotSupported, 10),
    (Code::TemporarilyUnavailable, 11),
    (Code::MalformedRequest, 12),
    (Code::Crash, 13),
    (Code::Abort, 14),
    (Code::KeyDoesNotExist, 20),
    (Code::KeyAlreadyExists, 21),
    (Code::PreconditionFailed, 22),
    (Code::TxnConflict, 30),
];

impl Code {
    /// The code of a number; `None` if Maelstrom has none. Such a code is a program's own, and indefinite.
    #[must_use]
    pub fn of(number: u64) -> Option<Self> {
        NUMBERS.iter().find(|(_, n)| *n == number).map(|(code, _)| *code)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u64 {
        let (_, number) =
            NUMBERS.iter().find(|(code, _)| *code == self).expect("the table has every code");
        *number
    }

    /// Whether it promises that the request was not done and never will be.
    #[must_use]
    pub fn is_definite(self) -> bool {
        !matches!(self, Self::Timeout | Self::Crash)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_maelstroms_numbers_and_all_but_two_are_definite() {
        let definite: Vec<u64> =
            (0..2_000).filter(|n| Code::of(*n).is_some_and(Code::is_definite)).collect();
        assert_eq!(definite, [1, 10, 11, 12, 14, 20, 21, 22, 30]);
        let all = (0..2_000).filter_map(|n| Some((n, Code::of(n)?.number())));
        assert!(all.clone().all(|(n, number)| n == number));
        assert_eq!(all.count(), 11);
    }
}
