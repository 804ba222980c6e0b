using System.CommandLine;
using TrackAi.Contracts;

namespace TrackAi.Host.CommandLine;

/// <summary><c>onboard</c>: a seller's tenant, funnel, gateway and pixel in one go; prints what the seller pastes.</summary>
internal static class OnboardCommand
{
    public static Command Create()
    {
        var tenant = new Argument<string>("TENANT") { Description = "The tenant's slug, such as loja-001." };
        var gateway = new Option<string>("--gateway") { Description = string.Join(", ", TrackAiApplication.GatewayNames), Required = true };
        var name = new Option<string?>("--name") { Description = "The tenant's name; the slug when left out." };
        var zone = new Option<string?>("--time-zone") { Description = "IANA time zone of its days; America/Sao_Paulo when left out." };
        var funnel = new Option<string?>("--funnel") { Description = "The funnel's id; the gateway's name when left out." };
        var product = new Option<string?>("--product")
        {
            Description = "Only sales of this product (the gateway's id) belong to the funnel.",
        };
        var secret = new Option<string?>("--secret")
        {
            Description = "What the gateway proves itself with: hottok, token, whsec_…; '-' reads it from stdin, the first line of it.",
        };
        var pixel = new Option<string?>("--pixel") { Description = "Meta's pixel (dataset) id." };
        var token = new Option<string?>("--pixel-token")
        {
            Description = "Its Conversions API access token; '-' reads it from stdin, the next line.",
        };
        var test = new Option<string?>("--test-event-code") { Description = "Shows events in Meta's Test Events; they still count." };
        var origins = new Option<string[]>("--origin")
        {
            Description = "Whose pages may send: https://loja.example, https://*.loja.example; may be repeated.",
            AllowMultipleArgumentsPerToken = true,
        };
        var url = new Option<string?>("--url")
        {
            Description = "The host as browsers reach it; PublicUrl of the configuration when left out.",
        };
        url.MustBeAnAddress();
        var onboard = new Verb(
            "onboard",
            "Bring a seller in: tenant, funnel, gateway secret, pixel and origins. May be run again; what is there is left alone.",
            "onboard loja-001 --gateway hotmart --secret - --pixel 123456789012345 --pixel-token - --url https://track.example"
        )
        {
            tenant,
            gateway,
            name,
            zone,
            funnel,
            product,
            secret,
            pixel,
            token,
            test,
            origins,
            url,
        };
        onboard.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var onboarded = await services
                            .GetRequiredService<IOnboarding>()
                            .OnboardAsync(
                                new Onboarding
                                {
                                    Tenant = parsed.GetValue(tenant)!,
                                    Name = parsed.GetValue(name),
                                    TimeZone = parsed.GetValue(zone),
                                    Gateway = parsed.GetValue(gateway)!,
                                    Funnel = parsed.GetValue(funnel),
                                    Product = parsed.GetValue(product),
                                    Secret = Given(parsed.GetValue(secret)),
                                    Pixel = parsed.GetValue(pixel),
                                    PixelToken = Given(parsed.GetValue(token)),
                                    TestEventCode = parsed.GetValue(test),
                                    Origins = parsed.GetValue(origins) is { Length: > 0 } given ? given : null,
                                },
                                cancellationToken
                            );
                        var configuration = services.GetRequiredService<IConfiguration>();
                        Print(parsed, onboarded, (parsed.GetValue(url) ?? Session.PublicUrl(configuration)).TrimEnd('/'));
                    },
                    cancellationToken
                )
        );
        return onboard;
    }

    private static string? Given(string? value) => value is "-" ? Console.In.ReadLine()?.Trim() ?? "" : value;

    private static void Print(ParseResult parsed, Onboarded onboarded, string url) =>
        Session.Print(
            parsed,
            new
            {
                onboarded.Tenant,
                onboarded.Funnel,
                onboarded.Gateway,
                WebhookUrl = Snippets.Webhook(url, onboarded.Gateway, onboarded.Tenant),
                Snippet = Snippets.Pixel(url, onboarded.Tenant),
                onboarded.Changed,
                onboarded.Missing,
            },
            shown =>
            {
                Console.WriteLine(
                    $"Tenant {shown.Tenant}, funnel {shown.Funnel}: {(shown.Changed.Count == 0 ? "all was so already" : string.Join(", ", shown.Changed) + " set")}."
                );
                Console.WriteLine($"\nGive {shown.Gateway} this webhook URL:\n  {shown.WebhookUrl}");
                Console.WriteLine($"\nPaste this into the <head> of the pages:\n  {shown.Snippet}");
                if (shown.Missing.Count > 0)
                    Console.WriteLine(
                        $"\nStill missing before a sale can reach Meta:\n{string.Join(Environment.NewLine, shown.Missing.Select(missing => $"  {missing}"))}"
                    );
                Console.WriteLine($"\nThen try it: probe {shown.Funnel} --tenant {shown.Tenant}");
            }
        );
}
