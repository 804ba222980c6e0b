using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace TrackAi.Host;

/// <summary>
/// Sends meters and activities to an OTLP collector when <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> names one; off otherwise. The other <c>OTEL_*</c>
/// variables mean what OpenTelemetry says they mean.
/// </summary>
internal sealed class Telemetry : IDisposable
{
    private readonly MeterProvider? meters;
    private readonly TracerProvider? traces;

    public Telemetry(IConfiguration configuration)
    {
        if (configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is not { Length: > 0 })
            return;

        var service = ResourceBuilder.CreateDefault().AddService("trackai");
        meters = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(service)
            .AddMeter("TrackAi.*", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Npgsql", "System.Runtime")
            .AddOtlpExporter()
            .Build();
        traces = Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(service)
            .AddSource("TrackAi.*", "Microsoft.AspNetCore", "Npgsql")
            .AddOtlpExporter()
            .Build();
    }

    public void Dispose()
    {
        meters?.Dispose();
        traces?.Dispose();
    }
}
