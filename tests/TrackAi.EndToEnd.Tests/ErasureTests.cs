using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>Who asks to be erased is gone from every table, and everything that is counted stays counted.</summary>
public sealed class ErasureTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    private IPersonRequests Requests => server.Host.Services.GetRequiredService<IPersonRequests>();

    private IPersonalData People => server.Host.Services.GetRequiredService<IPersonalData>();

    [Theory]
    [InlineData("email")]
    [InlineData("phone")]
    [InlineData("order")]
    public async Task Nothing_of_an_erased_person_is_left_in_any_table_and_nothing_of_another_is_touched(string by)
    {
        var seller = await server.NewSellerAsync();
        var (ana, rui) = (await Visitor.ComeAsync(seller, 1), await Visitor.ComeAsync(seller, 2));
        await server.Host.SettledAsync();
        var tables = await server.Database.ScalarAsync<string[]>(
            "select array_agg(tablename::text) from pg_tables where schemaname = 'public'"
        );
        (await HoldingAsync(tables, seller, ana)).ShouldBe(
            ["kept_delivery", "match_link", "match_open", "match_consent", "match_key", "person_stream", "stream_key"],
            ignoreOrder: true,
            "otherwise this test looks at nothing"
        );
        var before = await CountsAsync(seller);

        var certificate = await Requests.EraseAsync(Request(seller, ana, by), dryRun: false);

        await server.Host.SettledAsync();
        (await HoldingAsync(tables, seller, ana)).ShouldBeEmpty();
        (await OpenedAsync(seller, ana)).ShouldBeEmpty("no part of theirs opens any more");
        (await HoldingAsync(tables, seller, rui)).Count.ShouldBe(7);
        (await OpenedAsync(seller, rui)).Count.ShouldBe(Visitor.Parts);
        (await CountsAsync(seller)).ShouldBe(before, "erased people stay counted");
        certificate.Id.ShouldNotBeNull();
        certificate.Streams.Select(stream => stream.Stream).ShouldBe(ana.Streams, ignoreOrder: true);
        certificate.Swept["stream_key"].ShouldBe(ana.Streams.Count);
        certificate.Swept["kept_delivery"].ShouldBe(1);
        certificate.Swept["match_key"].ShouldBeGreaterThan(3);
        certificate.HandlersPassed.ShouldContain("Matching:All");
        var text = JsonSerializer.Serialize(certificate);
        foreach (var word in ana.Words)
            text.ShouldNotContain(word, Case.Insensitive);

        var again = await Requests.EraseAsync(Request(seller, ana, by == "order" ? "email" : by), dryRun: false);
        again.Streams.ShouldBeEmpty();
        again.Id.ShouldBeNull();
    }

    [Fact]
    public async Task A_rehearsal_tells_what_would_go_and_changes_nothing()
    {
        var seller = await server.NewSellerAsync();
        var ana = await Visitor.ComeAsync(seller, 1);
        await server.Host.SettledAsync();
        var rows = await server.CountRowsAsync();

        var rehearsal = await Requests.EraseAsync(Request(seller, ana, "email"), dryRun: true);

        (await server.CountRowsAsync()).ShouldBe(rows);
        rehearsal.Id.ShouldBeNull();
        var certificate = await Requests.EraseAsync(Request(seller, ana, "email"), dryRun: false);
        rehearsal.Streams.ShouldBe(certificate.Streams);
        rehearsal.Swept.Where(table => table.Value > 0).ShouldBe(certificate.Swept.Where(table => table.Value > 0));
    }

    [Fact]
    public async Task After_an_erasure_by_command_every_read_model_is_rebuilt_and_the_log_is_replayed()
    {
        var seller = await server.NewSellerAsync();
        var ana = await Visitor.ComeAsync(seller, 1);
        await server.Host.SettledAsync();
        var before = await CountsAsync(seller);

        var (erased, certificate) = await HostProcess.RunAsync(server.Settings, "privacy", "erase", seller.Tenant, "--email", ana.Email);

        erased.ShouldBe(0, certificate);
        certificate.ShouldContain("ERASURE CERTIFICATE");
        certificate.ShouldContain("Past the person's data: ");
        certificate.ShouldNotContain(ana.Email);
        var (rebuilt, rebuilding) = await HostProcess.RunAsync(server.Settings, "projections", "rebuild", "--all");
        rebuilt.ShouldBe(0, rebuilding);
        (await CountsAsync(seller)).ShouldBe(before);
        var (replayed, decisions) = await HostProcess.RunAsync(
            server.Settings,
            "replay",
            $"conversion-perfectpay-{ana.Order}",
            "--tenant",
            seller.Tenant
        );
        replayed.ShouldBe(0, decisions);
        decisions.ShouldContain("cannot be made again: the person was erased");
    }

    [Fact]
    public async Task An_erasure_needs_no_host_and_misses_nothing_that_no_host_has_looked_at_yet()
    {
        var seller = await server.NewSellerAsync();
        await server.Host.Services.GetRequiredService<ProjectionProgress>().PauseAsync("People");
        var ana = await Visitor.ComeAsync(seller, 1);
        await server.StopAsync();

        var (erased, certificate) = await HostProcess.RunAsync(
            server.Settings,
            "privacy",
            "erase",
            seller.Tenant,
            "--phone",
            ana.Phone,
            "--json"
        );

        await server.StartAsync();
        await server.Host.Services.GetRequiredService<ProjectionProgress>().ResumeAsync("People");
        await server.Host.SettledAsync();
        erased.ShouldBe(0, certificate);
        JsonElement
            .Parse(certificate)
            .GetProperty("streams")
            .EnumerateArray()
            .Select(stream => stream.GetProperty("stream").GetString())
            .ShouldBe(ana.Streams, ignoreOrder: true);
        (await OpenedAsync(seller, ana)).ShouldBeEmpty();
        (await server.Database.ScalarAsync<long>("select count(*) from person_stream where tenant_id = $1", seller.Tenant)).ShouldBe(0);
        (await server.Database.ScalarAsync<long>("select count(*) from match_key where tenant_id = $1", seller.Tenant)).ShouldBe(0);
    }

    [Fact]
    public async Task What_waits_or_was_given_up_is_not_told_any_more_and_ends_as_skipped()
    {
        // Meta does not take its token: everything waits.
        var seller = await server.NewSellerAsync(tokenIsValid: false);
        var order = seller.NewOrder();
        await seller.DeliverAsync(Seller.Sale(order));
        await Eventually.TrueAsync(
            async () =>
                await server.Database.ScalarAsync<long>("select count(*) from dispatch_queue where tenant_id = $1", seller.Tenant) == 1,
            "the sale waits for Meta"
        );

        var certificate = await Requests.EraseAsync(new(seller.Tenant, [], [], [order]), dryRun: false);

        certificate.Swept["dispatch_queue"].ShouldBe(1);
        await server.Host.SettledAsync();
        (await StatusAsync(seller, order)).ShouldBe("skipped erased");
        server.MakeTokenValid(seller.Token);
        server.AtMeta(order).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_later_delivery_of_an_erased_sale_moves_its_state_and_brings_nobody_back()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        await seller.PostbackAsync(order, 1);
        await server.Host.SettledAsync();
        await Requests.EraseAsync(new(seller.Tenant, [], [], [order]), dryRun: false);

        (await seller.PostbackAsync(order, 2)).Code.ShouldBe(202);

        await server.Host.SettledAsync();
        (await StatusAsync(seller, order)).ShouldBe("skipped erased");
        server.AtMeta(order).ShouldBeEmpty();
        (await server.Database.ScalarAsync<long>("select count(*) from person_stream where tenant_id = $1", seller.Tenant)).ShouldBe(0);
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from mt_events where tenant_id = $1 and type = 'conversion_state_changed' and data ? 'protected'",
                seller.Tenant
            )
        ).ShouldBe(0);
    }

    [Fact]
    public async Task A_browser_that_somebody_else_uses_too_keeps_what_names_them()
    {
        var seller = await server.NewSellerAsync();
        const string fbp = "fb.1.1793890500123.7000000001";
        await seller.TrackAsync("initiate_checkout", new { email = "ana.lima@exemplo.com.br", fbp });
        await seller.TrackAsync("initiate_checkout", new { email = "rui.lima@exemplo.com.br", fbp });
        await seller.TrackAsync("pageview", new { fbp });

        var certificate = await Requests.EraseAsync(new(seller.Tenant, ["ANA.Lima@exemplo.com.br"], [], []), dryRun: false);

        certificate.Streams.Select(stream => stream.FoundBy).ShouldBe(["email", "browser"], ignoreOrder: true);
        (await Requests.ExportAsync(new(seller.Tenant, ["rui.lima@exemplo.com.br"], [], []))).Events.Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_export_has_everything_under_headings_and_nothing_of_anybody_else()
    {
        var seller = await server.NewSellerAsync();
        var (ana, rui) = (await Visitor.ComeAsync(seller, 1), await Visitor.ComeAsync(seller, 2));
        await server.Host.SettledAsync();

        var export = await Requests.ExportAsync(Request(seller, ana, "email"));

        export.Events.Select(one => one.Stream).Distinct().ShouldBe(ana.Streams, ignoreOrder: true);
        export.Events.Select(one => one.Heading).ShouldContain("A click on an ad");
        export.Events.Select(one => one.HeadingPt).ShouldContain("Uma compra, como informada pelo meio de pagamento");
        export.Events.ShouldAllBe(one => !one.Heading.StartsWith("An entry of the log"));
        var text = JsonSerializer.Serialize(export, JsonSerializerOptions.Web);
        foreach (var word in ana.Words)
            text.ShouldContain(word, Case.Insensitive);
        foreach (var word in rui.Words)
            text.ShouldNotContain(word, Case.Insensitive);
        export
            .Held.Select(held => held.Table)
            .Distinct()
            .ShouldBe(["kept_delivery", "match_link", "match_open", "match_consent", "match_key"], ignoreOrder: true);
    }

    [Theory]
    [InlineData("ana", null, "email")]
    [InlineData(null, "12", "phone")]
    public async Task What_is_no_email_or_phone_is_refused_by_name(string? email, string? phone, string option)
    {
        var request = new PersonRequest("whoever", email is null ? [] : [email], phone is null ? [] : [phone], []);

        (await Should.ThrowAsync<PersonRequestRefusedException>(Requests.EraseAsync(request, dryRun: false))).Message.ShouldStartWith(
            option
        );
    }

    /// <summary>Tables that hold a keyed hash of the visitor, or an unopened key or body of one of their streams.</summary>
    private async Task<IReadOnlyList<string>> HoldingAsync(IReadOnlyList<string> tables, Seller seller, Visitor visitor)
    {
        var hashes = visitor
            .Identities.SelectMany(person => People.TracesOf(seller.Tenant, person))
            .Append(People.LookupHash(seller.Tenant, "click", visitor.Click))
            .Append(People.LookupHash(seller.Tenant, "order", visitor.Order))
            .Select(Convert.ToHexStringLower)
            .ToArray();
        var clicks = new[] { $"\"click_id\":\"{visitor.Click}\",\"clicked_at\"" };
        var holding = new List<string>();
        foreach (var table in tables)
        {
            var rows = await server.Database.ScalarAsync<string[]>($"select array_agg(to_jsonb(t)::text) from {table} t") ?? [];
            var lines = rows.Select(row => row.Replace(" ", "", StringComparison.Ordinal)).ToArray();
            var ofStream = lines.Where(line =>
                visitor.Streams.Any(stream => line.Contains($"\"stream_id\":\"{stream}\"", StringComparison.Ordinal))
            );
            if (
                lines.Any(line => hashes.Any(hash => line.Contains(hash, StringComparison.OrdinalIgnoreCase)))
                || (table == "match_key" && lines.Any(line => line.Contains(visitor.Click, StringComparison.Ordinal)))
                || (table == "stream_key" && ofStream.Any(line => !line.Contains("\"wrapped_key\":null", StringComparison.Ordinal)))
                || (table == "kept_delivery" && ofStream.Any())
            )
                holding.Add(table);
        }

        return holding;
    }

    /// <summary>The protected parts of the visitor's streams that open.</summary>
    private async Task<IReadOnlyList<ProtectedPerson>> OpenedAsync(Seller seller, Visitor visitor)
    {
        var streams = await server.Host.Store.ReadStreamsAsync([.. visitor.Streams.Select(stream => new StreamId(seller.Tenant, stream))]);
        ProtectedPart[] parts =
        [
            .. streams
                .SelectMany(stream => stream)
                .Select(recorded => (recorded.Stream, Json: JsonElement.Parse(recorded.Json.Span)))
                .Where(one => one.Json.TryGetProperty("protected", out _))
                .Select(one => new ProtectedPart(one.Stream.TenantId, one.Stream.Id, one.Json.GetProperty("protected").GetString()!)),
        ];
        parts.Length.ShouldBe(Visitor.Parts);
        return [.. (await People.OpenAsync(parts, CancellationToken.None)).OfType<ProtectedPerson>()];
    }

    private Task<string> CountsAsync(Seller seller) =>
        server.Database.ScalarAsync<string>(
            """
            select concat_ws(' ',
                (select count(*) from click where tenant_id = $1), (select count(*) from pageview where tenant_id = $1),
                (select count(*) from checkout where tenant_id = $1), (select count(*) from match_log where tenant_id = $1 and matched),
                (select jsonb_agg(to_jsonb(m) order by date) from analytics_metrics_daily m where tenant_id = $1))
            """,
            seller.Tenant
        );

    private Task<string> StatusAsync(Seller seller, string order) =>
        server.Database.ScalarAsync<string>(
            "select dispatch_status || ' ' || dispatch_reason from conversion where tenant_id = $1 and order_id = $2",
            seller.Tenant,
            order
        );

    private static PersonRequest Request(Seller seller, Visitor visitor, string by) =>
        by switch
        {
            "email" => new(seller.Tenant, [visitor.Email.ToUpperInvariant()], [], []),
            "phone" => new(seller.Tenant, [], [visitor.Phone], []),
            _ => new(seller.Tenant, [], [], [visitor.Order]),
        };

    /// <summary>A person who leaves something wherever something can be left.</summary>
    private sealed record Visitor(
        string Email,
        string Phone,
        string Fbp,
        string Fbclid,
        string Click,
        string Order,
        IReadOnlyList<string> Streams
    )
    {
        /// <summary>Click, two pageviews, checkout, purchase, its approval and what was told of it later.</summary>
        public const int Parts = 7;

        public IReadOnlyList<Person> Identities => [new Person { Email = Email, Phone = Phone }, new Person { Fbp = Fbp, Fbclid = Fbclid }];

        public IReadOnlyList<string> Words => [Email, Fbp, Fbclid];

        public static async Task<Visitor> ComeAsync(Seller seller, int number)
        {
            var order = seller.NewOrder();
            var (email, phone) = ($"{order}@exemplo.com.br", $"+55 85 98700-11{number}{number}");
            var (fbp, fbclid) = ($"fb.1.1793890500123.{string.Concat(order.Where(char.IsAsciiDigit))}", $"IwZXh0bg{order}");
            var click = await seller.ClickAsync(
                new
                {
                    fbclid,
                    fbp,
                    external_id = $"login-{number}",
                    consent = true,
                }
            );
            var ids = new List<string>
            {
                $"pageview-{await IdOfAsync(seller.TrackAsync("pageview", new { fbp }))}",
                $"pageview-{await IdOfAsync(seller.TrackAsync("pageview", new { click_id = click }))}",
                $"checkout-{await IdOfAsync(seller.TrackAsync("initiate_checkout", new { click_id = click, phone }))}",
            };
            foreach (var (status, cookie) in ((int, string?)[])[(1, null), (2, null), (2, fbp), (99, null)])
                (
                    await seller.DeliverAsync("perfectpay", Seller.Bytes(Postback(seller, order, status, click, email, number, cookie)), [])
                ).Code.ShouldBe(202);
            return new Visitor(
                email,
                phone,
                fbp,
                fbclid,
                click,
                order,
                [.. ids, $"click-{click}", $"conversion-perfectpay-{order}", await DeliveryAsync(seller, number)]
            );
        }

        private static JsonObject Postback(Seller seller, string order, int status, string click, string email, int number, string? cookie)
        {
            var postback = seller.Postback(order, status, click);
            postback["metadata"]!["_fbp"] = cookie;
            postback["customer"]!["email"] = email;
            postback["customer"]!["phone_number"] = $"9870011{number}{number}";
            return postback;
        }

        private static async Task<string> IdOfAsync(Task<Answer> answer) => (await answer).Json.GetProperty("id").GetString()!;

        // The delivery that was not understood is the latest.
        private static async Task<string> DeliveryAsync(Seller seller, int number)
        {
            var kept = await seller.Server.Database.ScalarAsync<string[]>(
                "select array_agg(stream_id::text order by received_at) from kept_delivery where tenant_id = $1",
                seller.Tenant
            );
            kept.Length.ShouldBe(number);
            return kept[^1];
        }
    }
}
