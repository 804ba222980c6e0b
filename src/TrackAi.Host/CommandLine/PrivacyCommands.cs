using System.CommandLine;
using TrackAi.Contracts;

namespace TrackAi.Host.CommandLine;

/// <summary><c>privacy export</c> and <c>privacy erase</c>: what a person may ask of us.</summary>
internal static class PrivacyCommands
{
    private static readonly Argument<string> Tenant = new("TENANT") { Description = "The tenant's slug." };
    private static readonly Option<string[]> Email = new("--email")
    {
        Description = "An e-mail of the person; may be given several times.",
    };
    private static readonly Option<string[]> Phone = new("--phone") { Description = "A phone of the person, with its area code; several." };
    private static readonly Option<string[]> Order = new("--order") { Description = "An order; its buyer is meant; several." };

    public static Command Create() => new("privacy", "What is held of a person: hand it over, erase it.") { Export(), Erase() };

    private static Verb Export()
    {
        var export = new Verb(
            "export",
            "Print everything that is held of a person, as JSON with a heading for each entry.",
            "privacy export acme --email ana@example.com > ana.json"
        )
        {
            Tenant,
            Email,
            Phone,
            Order,
        };
        export.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var request = await RequestAsync(parsed, services, cancellationToken);
                        Session.PrintJson(await services.GetRequiredService<IPersonRequests>().ExportAsync(request, cancellationToken));
                    },
                    cancellationToken
                )
        );
        return export;
    }

    private static Verb Erase()
    {
        var dryRun = new Option<bool>("--dry-run") { Description = "Say what would go, and leave it." };
        var erase = new Verb(
            "erase",
            "Destroy the keys of a person's data and every look-up of them, for good, and print a certificate.",
            "privacy erase acme --email ana@example.com --phone '+55 11 98765-4321' --dry-run"
        )
        {
            Tenant,
            Email,
            Phone,
            Order,
            dryRun,
        };
        erase.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var request = await RequestAsync(parsed, services, cancellationToken);
                        var certificate = await services
                            .GetRequiredService<IPersonRequests>()
                            .EraseAsync(request, parsed.GetValue(dryRun), cancellationToken);
                        Session.Print(parsed, certificate, Print);
                    },
                    cancellationToken
                )
        );
        return erase;
    }

    private static async Task<PersonRequest> RequestAsync(
        ParseResult parsed,
        IServiceProvider services,
        CancellationToken cancellationToken
    )
    {
        var request = new PersonRequest(
            parsed.GetValue(Tenant)!,
            parsed.GetValue(Email) ?? [],
            parsed.GetValue(Phone) ?? [],
            parsed.GetValue(Order) ?? []
        );
        if (request.Emails.Count + request.Phones.Count + request.Orders.Count == 0)
            throw new CommandFailedException("say whom: give --email, --phone or --order.");
        await services.GetRequiredService<ITenantAdministration>().ShowAsync(request.TenantId, cancellationToken);
        return request;
    }

    private static void Print(ErasureCertificate certificate)
    {
        var by = string.Join(", ", certificate.AskedBy);
        Console.WriteLine(
            certificate switch
            {
                { Streams.Count: 0 } => $"Nothing is held of this person (asked by {by}).",
                { DryRun: true } => $"This would be erased for tenant {certificate.Tenant} (asked by {by}); nothing was changed:",
                _ => $"ERASURE CERTIFICATE {certificate.Id}\ntenant {certificate.Tenant}, {certificate.At:u}, asked by {by}",
            }
        );
        if (certificate.Streams.Count == 0)
            return;
        Console.WriteLine();
        Session.Table(["STREAM", "FOUND BY"], [.. certificate.Streams.Select(stream => (string[])[stream.Stream, stream.FoundBy])]);
        Console.WriteLine();
        Session.Table(["TABLE", "ROWS"], [.. certificate.Swept.Select(table => (string[])[table.Key, $"{table.Value}"])]);
        if (certificate.HandlersPassed.Count > 0)
            Console.WriteLine($"\nPast the person's data: {string.Join(", ", certificate.HandlersPassed)}.");
        if (certificate.SharedStreams > 0)
            Console.WriteLine(
                $"\n{certificate.SharedStreams} other streams share an e-mail or a phone with these and stay: add that e-mail or phone if they are the person's too."
            );
    }
}
