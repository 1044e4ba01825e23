//! OpenTelemetry's SDK with its batch exporter, called directly and below the macros of `tracing`. Dropped
//! spans are counted, but without an experimental feature a program cannot ask for their number.

use std::future::{Future, ready};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanData,
    SpanExporter,
};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::{BATCH, CHILDREN, End, QUEUE, STEP, Stack, ours};

#[derive(Clone, Debug, Default)]
struct Sink(Arc<AtomicU64>);

impl SpanExporter for Sink {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        self.0.fetch_add(black_box(batch).len() as u64, Ordering::Relaxed);
        ready(Ok(()))
    }
}

struct Provider {
    provider: SdkTracerProvider,
    sink: Sink,
}

impl Provider {
    fn start(is_sampled: bool) -> Self {
        let sink = Sink::default();
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .build();
        let processor = BatchSpanProcessor::builder(sink.clone()).with_batch_config(config).build();
        let sampler = if is_sampled { Sampler::AlwaysOn } else { Sampler::AlwaysOff };
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_sampler(sampler)
            .build();
        Self { provider, sink }
    }

    fn end(&self) -> End {
        self.provider.shutdown().expect("its thread ends");
        End { delivered: self.sink.0.load(Ordering::Relaxed), dropped: None }
    }
}

struct Sdk {
    provider: Provider,
    tracer: SdkTracer,
}

pub(crate) fn sdk(is_sampled: bool) -> Box<dyn Stack> {
    let provider = Provider::start(is_sampled);
    let tracer = provider.provider.tracer("shop");
    Box::new(Sdk { provider, tracer })
}

impl Stack for Sdk {
    fn trace(&mut self) {
        let request = self.tracer.start_with_context("request", &Context::new());
        let context = Context::new().with_span(request);
        for _ in 0..CHILDREN {
            let mut work = self.tracer.start_with_context("work", &context);
            work.set_attribute(KeyValue::new("step", black_box(STEP)));
        }
    }

    fn flush(self: Box<Self>) -> End {
        self.provider.end()
    }
}

struct Layer(Provider);

/// Without the attributes that only this layer adds: ours has none of them.
pub(crate) fn layer(is_sampled: bool) -> Box<dyn Stack> {
    let provider = Provider::start(is_sampled);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.provider.tracer("shop"))
        .with_location(false)
        .with_target(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(subscriber).expect("there is no other one");
    Box::new(Layer(provider))
}

impl Stack for Layer {
    fn trace(&mut self) {
        ours::trace_by_macros();
    }

    fn flush(self: Box<Self>) -> End {
        self.0.end()
    }
}
