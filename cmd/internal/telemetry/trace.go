package telemetry

import (
	"context"
	"log/slog"
	"os"
	"time"

	impactsync "github.com/impactsync/impactsync/sync"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Trace is a trace of one run: a span for the run, and one in it for each phase. A nil
// Trace does nothing.
type Trace struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	ctx      context.Context //nolint:containedctx // of the run's span, for those in it
	run      trace.Span
}

// mostTracing is how long the end of a trace may take, when it is sent.
const mostTracing = 5 * time.Second

// StartTrace begins a trace if the environment asks for one, by OpenTelemetry's
// variables, such as OTEL_EXPORTER_OTLP_ENDPOINT; otherwise it returns nil. Traces go
// by OTLP over HTTP. What goes wrong is logged.
func StartTrace(ctx context.Context, version string, log *slog.Logger) *Trace {
	if !traced(os.Getenv) {
		return nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("a trace was not sent", "error", err) }))
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		log.Warn("there is no trace of this run", "error", err)
		return nil
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "impactsync"), attribute.String("service.version", version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		log.Warn("a variable of OpenTelemetry's has no effect", "error", err)
	}
	t := &Trace{provider: sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))}
	t.tracer = t.provider.Tracer("github.com/impactsync/impactsync", trace.WithInstrumentationVersion(version))
	t.ctx, t.run = t.tracer.Start(context.WithoutCancel(ctx), "run")
	return t
}

// traced reports whether the environment asks for traces. Without an endpoint there are
// none: OpenTelemetry's default is a collector on this machine.
func traced(getenv func(string) string) bool {
	if getenv("OTEL_SDK_DISABLED") == "true" {
		return false
	}
	switch getenv("OTEL_TRACES_EXPORTER") {
	case "otlp":
		return true
	case "":
		return getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	}
	return false
}

// phase begins the span of a phase, and returns what ends it.
func (t *Trace) phase(name, what string, total int64, unit string) (end func()) {
	if t == nil {
		return func() {}
	}
	_, span := t.tracer.Start(t.ctx, name, trace.WithAttributes(attribute.String("impactsync.what", what)))
	if total >= 0 {
		span.SetAttributes(attribute.Int64("impactsync."+unit, total))
	}
	return func() { span.End() }
}

// End ends the trace and sends it.
func (t *Trace) End(r impactsync.Report, exitCode int) {
	if t == nil {
		return
	}
	t.run.SetAttributes(attribute.Int64("impactsync.run", r.Run), attribute.Int("impactsync.exit_code", exitCode))
	for _, what := range counted {
		if n := r.Counts[what]; n > 0 {
			t.run.SetAttributes(attribute.Int64("impactsync."+what, n))
		}
	}
	switch exitCode {
	case impactsync.ExitOK, impactsync.ExitRefused, impactsync.ExitUnfinished, impactsync.ExitHeld:
	default:
		t.run.SetStatus(codes.Error, "")
	}
	t.run.End()
	ctx, cancel := context.WithTimeout(context.Background(), mostTracing)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}
