using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>Who holds a dump of the database, or the log, learns nobody's name and no secret.</summary>
public sealed class SecrecyTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    private const string Email = "Idalina.Prates@Exemplo.com.br";
    private const string OtherEmail = "rui.fagundes@exemplo.com.br";

    [Fact]
    public async Task Neither_a_dump_nor_the_log_holds_a_person_or_a_secret()
    {
        var seller = await server.NewSellerAsync();
        var apiKey = (await server.Host.Services.GetRequiredService<IApiKeys>().AddAsync(seller.Tenant, "test")).Key;
        await EverythingThatCanHappenAsync(seller, apiKey);
        await server.Host.SettledAsync();

        var dump = await DumpAsync();
        dump.ShouldContain("conversion_received", Case.Sensitive, "otherwise this test looks at nothing");
        dump.ShouldContain(seller.Tenant);
        var log = server.Host.Log.Text;
        log.ShouldContain("TrackAi.", Case.Sensitive);

        string[] secrets = [seller.Secret, seller.Token, apiKey, server.Settings["Secrets:MasterKey"]!];
        string[] people =
        [
            Email,
            OtherEmail,
            "idalina.prates",
            "rui.fagundes",
            "Idalina Furtado Prates",
            "furtado",
            "+55 85 98700-1122",
            "5585987001122",
            "85987001122",
            "98700-1122",
            "987001122",
            "11144477735",
            "60165-121",
            "60165121",
            "Fortaleza",
            "177.20.14.9",
            "AppleWebKit",
            "1986-03-14",
            "login-4711",
            "fb.1.1793890500123.1432567890",
            "IwZXh0bgNhZW0BMEXEMPLO_aBcDe",
        ];
        // As Meta wants them hashed: all of them can be found by trying.
        string[] normalised =
        [
            "idalina",
            "furtado prates",
            "prates",
            "fortaleza",
            "ce",
            "br",
            "60165",
            "60165121",
            "19860314",
            "login-4711",
        ];
        foreach (var (where, text) in new[] { ("the dump", dump), ("the log", log) })
        {
            foreach (var secret in secrets.Concat(people).SelectMany(Spellings))
                text.Contains(secret, StringComparison.OrdinalIgnoreCase).ShouldBeFalse($"{where} holds {secret}: {Around(text, secret)}");
            // A hash of an API key is kept: 32 random bytes are beyond guessing. A gateway's secret may be a word.
            foreach (var hash in secrets.Except([apiKey]).Concat(people).Concat(normalised).SelectMany(Hashes))
                text.Contains(hash, StringComparison.OrdinalIgnoreCase)
                    .ShouldBeFalse($"{where} holds a hash that can be guessed: {Around(text, hash)}");
        }
    }

    [Fact]
    public async Task A_master_key_of_another_database_is_noticed_before_anything_is_sealed_under_it()
    {
        var settings = new Dictionary<string, string?>(server.Settings)
        {
            ["Secrets:MasterKey"] = Convert.ToBase64String(SHA256.HashData("another"u8)),
        };

        var (code, checks) = await HostProcess.RunAsync(settings, "check-env");
        code.ShouldBe(1, checks);
        checks.ShouldContain("Secrets:MasterKey is not the key that this database was sealed under");
        var (served, complaint) = await HostProcess.RunAsync(settings, "serve");
        served.ShouldBe(1, complaint);
        complaint.ShouldContain("Secrets:MasterKey is not the key that this database was sealed under");
        var (_, found) = await HostProcess.RunAsync(server.Settings, "check-env");
        found.ShouldContain("is this database's");
    }

    private async Task EverythingThatCanHappenAsync(Seller seller, string apiKey)
    {
        var click = await seller.ClickAsync(
            new
            {
                fbclid = "IwZXh0bgNhZW0BMEXEMPLO_aBcDe",
                fbp = "fb.1.1793890500123.1432567890",
                external_id = "login-4711",
                email = Email,
                utm_source = "FB",
                utm_content = Email,
                src = "85987001122",
                event_source_url = $"https://exemplo.com.br/?email={Uri.EscapeDataString(Email)}&phone=85987001122",
            }
        );
        await seller.TrackAsync("pageview", new { click_id = click, email = Email });
        await seller.TrackAsync(
            "initiate_checkout",
            new
            {
                click_id = click,
                email = Email,
                phone = "(85) 98700-1122",
            }
        );
        await seller.TrackAsync("click", new { utm_source = Email, click_id = Email });
        await seller.TrackAsync("click", new { email = new[] { Email } });

        // Meta's answer repeats what it was sent.
        server.Meta.Inject(
            MetaFault.Error(500, 2) with
            {
                Times = 1,
                Message = $"Token {seller.Token} may not send {Email}, +55 85 98700-1122, {Hashes(Email.ToLowerInvariant()).First()}",
            }
        );
        var paid = seller.Postback(seller.NewOrder(), 2, click);
        Personal(paid["customer"]!.AsObject());
        paid["metadata"]!["_fbp"] = "fb.1.1793890500123.1432567890";
        paid["metadata"]!["_fbc"] = "fb.1.1793890500120.IwZXh0bgNhZW0BMEXEMPLO_aBcDe";
        paid["metadata"]!["utm_term"] = Email;
        await AcceptedAsync(seller.DeliverAsync("perfectpay", Seller.Bytes(paid), []));
        paid["sale_status_enum"] = 7;
        await AcceptedAsync(seller.DeliverAsync("perfectpay", Seller.Bytes(paid), []));

        // Understood by nobody, and in places where no person belongs.
        var drifted = seller.Postback(seller.NewOrder(), 2);
        Personal(drifted["customer"]!.AsObject());
        drifted["sale_status_enum"] = Email;
        drifted[Email] = Email;
        await AcceptedAsync(seller.DeliverAsync("perfectpay", Seller.Bytes(drifted), []));
        var odd = seller.Postback(seller.NewOrder(), 2);
        Personal(odd["customer"]!.AsObject());
        odd["sale_status_enum_key"] = Email;
        odd["date_approved"] = Email;
        await AcceptedAsync(seller.DeliverAsync("perfectpay", Seller.Bytes(odd), []));

        var simple = Seller.Sale(seller.NewOrder(), clickId: click);
        simple["customer"] = new JsonObject
        {
            ["email"] = OtherEmail,
            ["phone"] = "85987001122",
            ["name"] = "Idalina Furtado Prates",
        };
        simple["ip"] = "177.20.14.9";
        simple["utm_campaign"] = OtherEmail;
        simple["event_time"] = OtherEmail;
        await AcceptedAsync(seller.DeliverAsync(simple));
        simple["status"] = OtherEmail;
        await seller.DeliverAsync(simple);

        // Refused, each with something to tell.
        paid["token"] = $"{seller.Secret}x";
        await seller.DeliverAsync("perfectpay", Seller.Bytes(paid), [("x-token", seller.Token)]);
        await seller.DeliverAsync("perfectpay", Encoding.UTF8.GetBytes($"{{\"email\":\"{Email}\""), [("x-perfectpay-signature", Email)]);
        await seller.DeliverAsync(Email, Seller.Bytes(paid), [], $"?token={seller.Secret}&email={Email}");
        using var summary = new HttpRequestMessage(HttpMethod.Get, "/api/v1/analytics/dispatch-summary");
        summary.Headers.Add("x-api-key", apiKey);
        await seller.SendAsync(summary);
    }

    private static void Personal(JsonObject customer)
    {
        customer["email"] = Email;
        customer["identification_number"] = "11144477735";
        customer["birthday"] = "1986-03-14";
        customer["ip"] = "177.20.14.9";
        customer["user_agent"] = Seller.Browser;
        customer["zip_code"] = "60165-121";
        customer["city"] = "Fortaleza";
        customer["state"] = "CE";
        customer["country"] = "BR";
    }

    private static async Task AcceptedAsync(Task<Answer> delivery) => (await delivery).Code.ShouldBe(202, (await delivery).Text);

    /// <summary>A text as it could stand in a dump: itself, escaped for a URL, and as the bytes of a bytea or a base64 column, wherever it begins in it.</summary>
    private static IEnumerable<string> Spellings(string text)
    {
        yield return text;
        yield return Uri.EscapeDataString(text);
        foreach (var bytes in (byte[][])[Encoding.UTF8.GetBytes(text), Encoding.UTF8.GetBytes(text.ToLowerInvariant())])
        {
            yield return Convert.ToHexStringLower(bytes);
            foreach (var offset in (int[])[0, 1, 2])
                // The first and last characters depend on the neighbours.
                yield return Convert.ToBase64String([.. new byte[offset], .. bytes])[(offset == 0 ? 0 : offset + 1)..^4];
        }
    }

    private static IEnumerable<string> Hashes(string text) =>
        new[] { text, text.ToLowerInvariant() }
            .Distinct(StringComparer.Ordinal)
            .Select(one => SHA256.HashData(Encoding.UTF8.GetBytes(one)))
            .SelectMany(hash => new[] { Convert.ToHexStringLower(hash), Convert.ToBase64String(hash).TrimEnd('=') });

    private static string Around(string text, string needle)
    {
        var at = text.IndexOf(needle, StringComparison.OrdinalIgnoreCase);
        return at < 0 ? "" : text[Math.Max(0, at - 150)..Math.Min(text.Length, at + needle.Length + 50)];
    }

    private async Task<string> DumpAsync()
    {
        var directory = await server.Database.ScalarAsync<string>("select setting from pg_config where name = 'BINDIR'");
        var program = Path.Combine(directory, "pg_dump");
        Assert.SkipUnless(File.Exists(program), $"The server is elsewhere: there is no {program} here.");
        var postgres = new NpgsqlConnectionStringBuilder(server.Database.ConnectionString);
        var start = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardOutput = true };
        foreach (
            var argument in (string[])
                ["--host", postgres.Host!, "--port", $"{postgres.Port}", "--username", postgres.Username!, postgres.Database!]
        )
            start.ArgumentList.Add(argument);
        start.Environment["PGPASSWORD"] = postgres.Password;
        using var process = Process.Start(start)!;
        var dump = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        process.ExitCode.ShouldBe(0);
        return dump;
    }
}
