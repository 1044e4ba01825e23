//! What is read from disk for a question.

use ch04_tracing::experiments::stored::{questions, spans};

#[test]
fn an_index_reads_what_is_shown_and_a_list_reads_everything() {
    let spans = spans();
    let asked = questions(&spans);
    let read = |place: usize| (asked[place].1, asked[place].2.spans);
    let trace = spans[spans.len() / 2].trace;
    let of_trace = spans.iter().filter(|span| span.trace == trace).count();
    assert_eq!(read(0), (1, of_trace));
    // What is in memory needs no disk.
    assert_eq!([read(1), read(2)].map(|(found, spans)| (found > 0, spans)), [(true, 0); 2]);
    let (found, by_attribute) = read(3);
    assert_eq!(found, 20);
    assert!((20..spans.len() / 100).contains(&by_attribute), "{by_attribute}");
    assert_eq!(read(5).1, spans.len());
}
