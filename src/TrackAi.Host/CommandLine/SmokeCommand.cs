using System.CommandLine;

namespace TrackAi.Host.CommandLine;

/// <summary><c>smoke</c>: the go-live checklist's click → Meta flow against any running host.</summary>
internal static class SmokeCommand
{
    public static Command Create()
    {
        var url = new Option<string?>("--url") { Description = "The host.", DefaultValueFactory = _ => "http://127.0.0.1:3001" };
        url.MustBeAnAddress();
        var tenant = new Option<string>("--tenant")
        {
            Description = "A tenant with a PerfectPay secret, a pixel and an API key.",
            DefaultValueFactory = _ => "test-tenant-001",
        };
        var secret = new Option<string>("--secret")
        {
            Description = "The tenant's PerfectPay secret; '-' reads it from stdin.",
            Required = true,
        };
        var apiKey = new Option<string>("--api-key") { Description = "The tenant's API key.", Required = true };
        var timeout = new Option<int>("--timeout") { Description = "Seconds to wait for Meta's answer.", DefaultValueFactory = _ => 30 };
        var smoke = new Verb(
            "smoke",
            "Send a click and a signed sale through a running host and follow them to Meta: seven steps. The sale is real to Meta: use a test pixel or a test event code.",
            "smoke --url http://127.0.0.1:3001 --tenant acme --secret - --api-key tk_…"
        )
        {
            url,
            tenant,
            secret,
            apiKey,
            timeout,
        };
        smoke.SetAction(
            async (parsed, cancellationToken) =>
            {
                using var test = new SmokeTest(
                    parsed.GetValue(url)!,
                    parsed.GetValue(tenant)!,
                    parsed.GetValue(secret) is "-" ? (await Console.In.ReadToEndAsync(cancellationToken)).Trim() : parsed.GetValue(secret)!,
                    parsed.GetValue(apiKey)!,
                    TimeSpan.FromSeconds(parsed.GetValue(timeout))
                );
                var steps = new List<SmokeStep>();
                await foreach (var step in test.RunAsync(cancellationToken))
                {
                    steps.Add(step);
                    if (!parsed.GetValue(Session.Json))
                        Console.WriteLine($"{(step.Ok ? "ok  " : "FAIL")}  {step.Name}: {step.Found}");
                }

                if (parsed.GetValue(Session.Json))
                    Session.Print(parsed, steps, _ => { });
                return steps.TrueForAll(step => step.Ok) ? 0 : 1;
            }
        );
        return smoke;
    }
}
