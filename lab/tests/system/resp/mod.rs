//! RESP2: requests and replies as bytes, a server, a client.

mod client;
mod replies;
mod requests;
mod served;

use proptest::prelude::*;

/// Bytes as they occur in the protocol, more often than others.
fn likely_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "*1\r\n",
            "*2\r\n",
            "$1\r\n",
            "$0\r\n\r\n",
            "$-1\r\n",
            "*-1\r\n",
            "*0\r\n"
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        prop::sample::select(b"*$+-:\r\n0123 \"'\\xa".to_vec()).prop_map(|byte| vec![byte]),
        any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}
