using System.CommandLine;
using System.Text.Json;
using TrackAi.Contracts;

namespace TrackAi.Host.CommandLine;

/// <summary><c>dispatch preview</c>: what Meta would be sent, without sending it.</summary>
internal static class DispatchCommands
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static Command Create()
    {
        var conversion = new Argument<string>("CONVERSION") { Description = "Such as perfectpay-PPCPMTB1." };
        var tenant = new Option<string>("--tenant") { Description = "Its tenant.", Required = true };
        var preview = new Verb(
            "preview",
            "Print the exact JSON that Meta would be sent of a conversion, and send nothing. Exit code 1 when it would not be sent.",
            "dispatch preview perfectpay-A-1001 --tenant acme"
        )
        {
            conversion,
            tenant,
        };
        preview.SetAction(
            async (parsed, cancellationToken) =>
            {
                var problems = 0;
                await Session.UseStartedAsync(
                    async services =>
                    {
                        var previews = await services
                            .GetRequiredService<IDispatchPreview>()
                            .PreviewAsync(parsed.GetValue(tenant)!, parsed.GetValue(conversion)!, cancellationToken);
                        if (previews.Count == 0)
                            throw new CommandFailedException(
                                $"tenant {parsed.GetValue(tenant)} has no conversion {parsed.GetValue(conversion)}."
                            );
                        Session.Print(parsed, previews, Print);
                        problems = previews.Sum(one => one.Problems.Count);
                    },
                    cancellationToken
                );
                return problems == 0 ? 0 : 1;
            }
        );
        return new Command("dispatch", "What goes to Meta.") { preview };
    }

    private static void Print(IReadOnlyList<DispatchPreview> previews)
    {
        foreach (var preview in previews)
        {
            Console.WriteLine($"POST {preview.Url}");
            Console.WriteLine(JsonSerializer.Serialize(preview.Request, Indented));
            if (preview.Dropped.Count > 0)
                Console.WriteLine($"Known but not fit to be sent: {string.Join(", ", preview.Dropped)}.");
            Console.WriteLine(
                FormattableString.Invariant(
                    $"Match quality, by our estimate: {preview.Quality.Score:0.##} of 10{(preview.Quality.Raises.Count == 0 ? "" : $"; {string.Join(", ", preview.Quality.Raises)} would raise it")}."
                )
            );
            Console.WriteLine(
                preview.Problems.Count == 0 ? "Meta would take it." : $"It would not be sent: {string.Join(", ", preview.Problems)}."
            );
        }
    }
}
