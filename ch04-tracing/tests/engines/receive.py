"""Receives OTLP over HTTP, decodes it with OpenTelemetry's own messages, and prints each span as JSON."""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.path == "/v1/traces", self.path
        assert self.headers["content-type"] == "application/x-protobuf", self.headers
        for process in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = {a.key: a.value.string_value for a in process.resource.attributes}
            for scope in process.scope_spans:
                for span in scope.spans:
                    found = MessageToDict(span, preserving_proto_field_name=True)
                    found["trace_id"] = span.trace_id.hex()
                    found["span_id"] = span.span_id.hex()
                    found["parent_span_id"] = span.parent_span_id.hex()
                    found["service"] = service["service.name"]
                    print(json.dumps(found), flush=True)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
