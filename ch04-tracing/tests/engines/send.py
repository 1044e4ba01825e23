"""Makes one trace with OpenTelemetry's SDK, sends it to a collector, and prints its id."""

import sys

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

protocol, endpoint, packed = sys.argv[1:4]
if protocol == "grpc":
    from grpc import Compression
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    compression = Compression.Gzip if packed == "gzip" else Compression.NoCompression
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True, compression=compression)
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    compression = Compression.Gzip if packed == "gzip" else Compression.NoCompression
    exporter = OTLPSpanExporter(endpoint=endpoint + "/v1/traces", compression=compression)

provider = TracerProvider(resource=Resource.create({"service.name": "till"}))
provider.add_span_processor(BatchSpanProcessor(exporter))
tracer = provider.get_tracer("send")
with tracer.start_as_current_span("buy", kind=trace.SpanKind.SERVER) as buy:
    buy.set_attribute("items", 3)
    buy.set_attribute("names", ["boots", "tent"])
    with tracer.start_as_current_span("pay", kind=trace.SpanKind.CLIENT) as pay:
        pay.record_exception(ValueError("no card"))
        pay.set_status(trace.StatusCode.ERROR, "declined")
    linked = [trace.Link(pay.get_span_context())]
    with tracer.start_as_current_span("tell", links=linked):
        pass
provider.shutdown()
print(f"{buy.get_span_context().trace_id:032x}")
