//! # Weigh what two samplers keep
//! stars: 2
//! A head sampler has kept one of `head` traces by the random part of its id; the others are gone. Write the tail
//! sampler behind it: of the traces that are left, keep each that failed or took longer than `slow`, and one of `n`
//! of the others. Say for how many requests each kept trace stands.
//! hint 1: A failure that reaches this sampler was kept by the first one. How many failures did not reach it?
//! hint 2: The first sampler has used the random part: all that is left is above its threshold.
//! hint 3: One of `n` of one of `head` is one of `head * n`: compare the same random part with that threshold.

use ch04_tracing::step6_sampling::{Threshold, Trace, keep, random};

fn sample(head: u64, n: u64, slow: u64, trace: &Trace) -> Option<u64> {
    // SOLUTION-BEGIN
    if trace.failed || trace.took > slow {
        return Some(head);
    }
    let both = head * n;
    keep(Threshold::one_in(both), random(trace.id)).then_some(both)
    // SOLUTION-END
    // STARTER: keep(Threshold::one_in(n), random(trace.id)).then_some(n)
}

pub fn check() -> Result<String, String> {
    ch04_tracing::exercises::weights(sample)
}
