//! rustracing. Its sampler is asked for each span. Its channel has no bound unless the program brings one.

use std::hint::black_box;
use std::thread::{self, JoinHandle};

use rustracing::Tracer;
use rustracing::sampler::{AllSampler, BoxSampler, NullSampler};
use rustracing::span::SpanReceiver;
use rustracing::tag::Tag;

use crate::{CHILDREN, End, STEP, Stack};

struct Rustracing {
    tracer: Tracer<BoxSampler<()>, ()>,
    sink: JoinHandle<u64>,
}

pub(crate) fn start(is_sampled: bool) -> Box<dyn Stack> {
    let sampler: BoxSampler<()> =
        if is_sampled { Box::new(AllSampler) } else { Box::new(NullSampler) };
    let (tracer, spans) = Tracer::new(sampler);
    Box::new(Rustracing { tracer, sink: thread::spawn(move || count(&spans)) })
}

/// Until no sender is left.
fn count(spans: &SpanReceiver<()>) -> u64 {
    spans.iter().map(|span| drop(black_box(span))).count() as u64
}

impl Stack for Rustracing {
    fn trace(&mut self) {
        let request = self.tracer.span("request").start_with_state(());
        for _ in 0..CHILDREN {
            let work = self.tracer.span("work").child_of(&request);
            drop(work.tag(Tag::new("step", black_box(STEP))).start_with_state(()));
        }
    }

    fn flush(self: Box<Self>) -> End {
        let Self { tracer, sink } = *self;
        drop(tracer);
        End { delivered: sink.join().expect("the sink ends"), dropped: None }
    }
}
