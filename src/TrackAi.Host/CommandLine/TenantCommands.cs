using System.CommandLine;
using TrackAi.Contracts;
using ConnectionInfo = TrackAi.Contracts.ConnectionInfo;

namespace TrackAi.Host.CommandLine;

/// <summary><c>tenants</c>, <c>funnels</c>, <c>gateways</c>, <c>pixels</c>, <c>api-keys</c>.</summary>
internal static class TenantCommands
{
    private static readonly Argument<string> Tenant = new("TENANT") { Description = "The tenant's slug, such as test-tenant-001." };

    /// <param name="SecretChanged">Null where it was not asked for, as the others.</param>
    /// <param name="WebhookPath">With the secret segment that was just made; shown this once.</param>
    private sealed record ChangedConnection(
        string Tenant,
        string Gateway,
        bool? SecretChanged,
        bool? AllowListChanged,
        bool? UrlSegmentChanged,
        bool? AmountChanged,
        string? Amount,
        string? WebhookPath
    );

    public static Command Tenants()
    {
        var slug = new Argument<string>("SLUG") { Description = "Small letters, digits and hyphens." };
        var name = new Option<string?>("--name") { Description = "Its name; the slug when left out." };
        var zone = new Option<string>("--time-zone")
        {
            Description = "IANA time zone of its days.",
            DefaultValueFactory = _ => ITenantAdministration.DefaultTimeZone,
        };
        var reason = new Option<string?>("--reason") { Description = "Why." };

        var add = new Verb("add", "Add a tenant.", "tenants add acme --name 'Acme Cursos' --time-zone America/Bahia") { slug, name, zone };
        add.SetAction(
            (parsed, cancellationToken) =>
                AdministerAsync(
                    async tenants =>
                    {
                        await tenants.AddTenantAsync(
                            parsed.GetValue(slug)!,
                            parsed.GetValue(name) ?? parsed.GetValue(slug)!,
                            parsed.GetValue(zone)!,
                            cancellationToken
                        );
                        var shown = await tenants.ShowAsync(parsed.GetValue(slug)!, cancellationToken);
                        Session.Print(
                            parsed,
                            shown.Tenant,
                            tenant =>
                                Console.WriteLine(
                                    $"Tenant {tenant.Slug} ({tenant.Name}) added. Webhooks: POST /api/v1/webhooks/{{gateway}}/{tenant.Slug}"
                                )
                        );
                    },
                    cancellationToken
                )
        );

        var list = new Verb("list", "List the tenants.", "tenants list");
        list.SetAction(
            (parsed, cancellationToken) =>
                AdministerAsync(
                    async tenants =>
                        Session.Print(
                            parsed,
                            await tenants.ListAsync(cancellationToken),
                            all =>
                                Session.Table(
                                    ["SLUG", "NAME", "STATUS", "TIME ZONE"],
                                    [
                                        .. all.Select(tenant =>
                                            (string[])[tenant.Slug, tenant.Name, $"{tenant.Status}".ToLowerInvariant(), tenant.TimeZone]
                                        ),
                                    ]
                                )
                        ),
                    cancellationToken
                )
        );

        var show = new Verb("show", "Show a tenant with its funnels, gateways and pixels; never a secret.", "tenants show acme") { Tenant };
        show.SetAction(
            (parsed, cancellationToken) =>
                AdministerAsync(
                    async tenants =>
                        Session.Print(parsed, await tenants.ShowAsync(parsed.GetValue(Tenant)!, cancellationToken), PrintDetails),
                    cancellationToken
                )
        );

        var suspend = new Verb("suspend", "Take nothing in for a tenant any more (403).", "tenants suspend acme --reason 'left unpaid'")
        {
            Tenant,
            reason,
        };
        suspend.SetAction(
            (parsed, cancellationToken) =>
                AdministerAsync(
                    tenants =>
                        SayAsync(
                            parsed,
                            tenants.SuspendAsync(parsed.GetValue(Tenant)!, parsed.GetValue(reason), cancellationToken),
                            "Suspended.",
                            "It was suspended already."
                        ),
                    cancellationToken
                )
        );

        var activate = new Verb("activate", "Take in for a suspended tenant again.", "tenants activate acme") { Tenant };
        activate.SetAction(
            (parsed, cancellationToken) =>
                AdministerAsync(
                    tenants =>
                        SayAsync(
                            parsed,
                            tenants.ActivateAsync(parsed.GetValue(Tenant)!, cancellationToken),
                            "Active again.",
                            "It was active already."
                        ),
                    cancellationToken
                )
        );
        return new Command("tenants", "Customers.") { add, list, show, suspend, activate, Origins(), DataProcessingOptions() };
    }

    private static Verb Origins()
    {
        var allow = new Option<string[]>("--allow")
        {
            Description =
                "https://shop.example or https://*.shop.example; may be repeated, and replaces what was set. 'any' allows every page.",
            AllowMultipleArgumentsPerToken = true,
        };
        var origins = new Verb(
            "origins",
            "Show or set whose pages may send clicks and pageviews.",
            "tenants origins loja-001 --allow https://loja.example"
        )
        {
            Tenant,
            allow,
        };
        origins.SetAction(
            (parsed, cancellationToken) =>
                AdministerAsync(
                    async tenants =>
                    {
                        var slug = parsed.GetValue(Tenant)!;
                        if (parsed.GetValue(allow) is { Length: > 0 } given)
                            await tenants.SetOriginsAsync(slug, given is ["any"] ? [] : given, cancellationToken);
                        Session.Print(
                            parsed,
                            (await tenants.ShowAsync(slug, cancellationToken)).Tenant.Origins,
                            set => Console.WriteLine(set.Count == 0 ? "Any page may send." : string.Join(Environment.NewLine, set))
                        );
                    },
                    cancellationToken
                )
        );
        return origins;
    }

    private static Verb DataProcessingOptions()
    {
        var limited = new Option<bool>("--ldu") { Description = "Limited Data Use." };
        var none = new Option<bool>("--none") { Description = "Take the options away again." };
        var country = new Option<int>("--country") { Description = "Meta's number of the country; 0 has Meta look it up by the address." };
        var state = new Option<int>("--state") { Description = "Meta's number of the state." };
        var command = new Verb(
            "data-processing",
            "What Meta is told about processing a tenant's events, from the next event on.",
            "tenants data-processing acme --ldu --country 1 --state 1000"
        )
        {
            Tenant,
            limited,
            none,
            country,
            state,
        };
        command.SetAction(
            (parsed, cancellationToken) =>
                AdministerAsync(
                    async tenants =>
                    {
                        if (parsed.GetValue(limited) == parsed.GetValue(none))
                            throw new CommandFailedException("give --ldu, or --none.");
                        var processing = parsed.GetValue(limited)
                            ? new DataProcessing(["LDU"], parsed.GetValue(country), parsed.GetValue(state))
                            : null;
                        var changed = await tenants.SetDataProcessingAsync(parsed.GetValue(Tenant)!, processing, cancellationToken);
                        Session.Print(
                            parsed,
                            new
                            {
                                Tenant = parsed.GetValue(Tenant),
                                DataProcessing = processing,
                                Changed = changed,
                            },
                            _ => Console.WriteLine($"{(changed ? "Set" : "It was set already")}: {Words(processing)}.")
                        );
                    },
                    cancellationToken
                )
        );
        return command;
    }

    private static string Words(DataProcessing? processing) =>
        processing is null ? "no data processing options"
        : processing.Country == 0 ? "Limited Data Use, where the person is by Meta's look-up"
        : $"Limited Data Use, country {processing.Country}, state {processing.State}";

    public static Command Funnels()
    {
        var id = new Argument<string>("FUNNEL") { Description = "The funnel's id." };
        var name = new Option<string?>("--name");
        var gateway = new Option<string?>("--gateway") { Description = "Sales of this gateway belong to it." };
        var product = new Option<string?>("--product") { Description = "Only sales of this product (the gateway's id)." };
        var pixel = new Option<string?>("--pixel") { Description = "Its sales go to this pixel instead of all of the tenant's." };
        var isDefault = new Option<bool>("--default") { Description = "Sales that belong to no other funnel belong to it." };
        var add = new Verb("add", "Add a funnel.", "funnels add acme curso --gateway hotmart --product 1234567 --pixel 123456789012345")
        {
            Tenant,
            id,
            name,
            gateway,
            product,
            pixel,
            isDefault,
        };
        add.SetAction(
            (parsed, cancellationToken) =>
                AdministerAsync(
                    async tenants =>
                    {
                        await tenants.AddFunnelAsync(
                            parsed.GetValue(Tenant)!,
                            parsed.GetValue(id)!,
                            parsed.GetValue(name),
                            parsed.GetValue(gateway),
                            parsed.GetValue(product),
                            parsed.GetValue(pixel),
                            parsed.GetValue(isDefault),
                            cancellationToken
                        );
                        Session.Print(
                            parsed,
                            (await tenants.ListFunnelsAsync(parsed.GetValue(Tenant)!, cancellationToken)).Single(funnel =>
                                funnel.FunnelId == parsed.GetValue(id)
                            ),
                            funnel => Console.WriteLine($"Funnel {funnel.FunnelId} added.")
                        );
                    },
                    cancellationToken
                )
        );

        var list = new Verb("list", "List a tenant's funnels.", "funnels list acme") { Tenant };
        list.SetAction(
            (parsed, cancellationToken) =>
                AdministerAsync(
                    async tenants =>
                        Session.Print(parsed, await tenants.ListFunnelsAsync(parsed.GetValue(Tenant)!, cancellationToken), PrintFunnels),
                    cancellationToken
                )
        );
        var renewals = new Argument<string>("send|skip") { Description = "Whether they are sent as Purchases of their own." };
        renewals.AcceptOnlyFromAmong("send", "skip");
        var setRenewals = new Verb(
            "renewals",
            "Send a funnel's renewals to Meta, or skip them, as is done unless it says so.",
            "funnels renewals acme clube send"
        )
        {
            Tenant,
            id,
            renewals,
        };
        setRenewals.SetAction(
            (parsed, cancellationToken) =>
                AdministerAsync(
                    tenants =>
                        SayAsync(
                            parsed,
                            tenants.SetRenewalsAsync(
                                parsed.GetValue(Tenant)!,
                                parsed.GetValue(id)!,
                                parsed.GetValue(renewals) == "send",
                                cancellationToken
                            ),
                            "Set: for renewals that come in from now on.",
                            "It was like that already."
                        ),
                    cancellationToken
                )
        );
        return new Command("funnels", "A seller's product lines: which gateway, which pixel.") { add, list, setRenewals };
    }

    public static Command Gateways()
    {
        var gateway = new Argument<string>("GATEWAY") { Description = string.Join(", ", TrackAiApplication.GatewayNames) };
        var secret = new Option<string?>("--secret")
        {
            Description =
                "Hotmart's hottok, Kiwify's and PerfectPay's token, Stripe's whsec_…; '-' reads it from stdin. The previous one stays valid for a day.",
        };
        var allow = new Option<string[]>("--allow")
        {
            Description = "Address or network (CIDR) that may deliver; may be repeated. 'any' allows all.",
            AllowMultipleArgumentsPerToken = true,
        };
        var segment = new Option<string?>("--url-segment")
        {
            Description =
                "'new' makes a secret last segment of the webhook URL, for gateways that do not sign, and prints it once; 'none' asks for none any more.",
        };
        segment.AcceptOnlyFromAmong("new", "none");
        var amount = new Option<string?>("--amount")
        {
            Description =
                "Which of the gateway's amounts is a sale's value: Hotmart price, full_price, original_offer_price; Kiwify product_base_price, "
                + "charge_amount, settlement_amount, my_commission; PerfectPay sale_amount, sale_amount_without_shipping. The first is the usual one.",
        };
        var set = new Verb(
            "set",
            "Set a gateway's secret, who may deliver, a secret in the webhook URL, or which amount counts.",
            "gateways set acme hotmart --secret - --amount full_price",
            "gateways set acme kiwify --url-segment new"
        )
        {
            Tenant,
            gateway,
            secret,
            allow,
            segment,
            amount,
        };
        set.SetAction(
            (parsed, cancellationToken) =>
                AdministerAsync(
                    async tenants =>
                    {
                        var (tenant, name, networks) = (parsed.GetValue(Tenant)!, parsed.GetValue(gateway)!, parsed.GetValue(allow) ?? []);
                        bool? secretIsNew = null,
                            allowListIsNew = null,
                            segmentIsNew = null,
                            amountIsNew = null;
                        string? made = null;
                        if (ReadSecret(parsed.GetValue(secret)) is { } value)
                            secretIsNew = await tenants.SetGatewaySecretAsync(tenant, name, value, cancellationToken: cancellationToken);
                        else if (networks.Length == 0 && parsed.GetValue(segment) is null && parsed.GetValue(amount) is null)
                            throw new CommandFailedException("give --secret, --allow, --url-segment or --amount.");
                        if (parsed.GetValue(amount) is { } word)
                            amountIsNew = await tenants.SetAmountAsync(tenant, name, word, cancellationToken);
                        if (networks.Length > 0)
                            allowListIsNew = await tenants.SetAllowListAsync(
                                tenant,
                                name,
                                networks is ["any"] ? [] : networks,
                                cancellationToken
                            );
                        if (parsed.GetValue(segment) is "new")
                            (made, segmentIsNew) = (await tenants.NewUrlSegmentAsync(tenant, name, cancellationToken), true);
                        else if (parsed.GetValue(segment) is "none")
                            segmentIsNew = await tenants.RemoveUrlSegmentAsync(tenant, name, cancellationToken);
                        Session.Print(
                            parsed,
                            new ChangedConnection(
                                tenant,
                                name,
                                secretIsNew,
                                allowListIsNew,
                                segmentIsNew,
                                amountIsNew,
                                parsed.GetValue(amount),
                                made is null ? null : $"/api/v1/webhooks/{name}/{tenant}/{made}"
                            ),
                            PrintChanges
                        );
                    },
                    cancellationToken
                )
        );
        var list = new Verb("list", "List a tenant's gateway connections; never a secret.", "gateways list acme") { Tenant };
        list.SetAction(
            (parsed, cancellationToken) =>
                AdministerAsync(
                    async tenants =>
                        Session.Print(
                            parsed,
                            await tenants.ListConnectionsAsync(parsed.GetValue(Tenant)!, cancellationToken),
                            PrintConnections
                        ),
                    cancellationToken
                )
        );
        return new Command("gateways", "Connections to payment gateways.") { set, list };
    }

    public static Command Pixels()
    {
        var pixel = new Argument<string>("PIXEL") { Description = "Meta's pixel (dataset) id." };
        var token = new Option<string>("--token")
        {
            Description = "Its Conversions API access token; '-' reads it from stdin.",
            Required = true,
        };
        var test = new Option<string?>("--test-event-code") { Description = "Shows events in Meta's Test Events; they still count." };
        var set = new Verb("set", "Set a pixel's access token.", "pixels set acme 123456789012345 --token -")
        {
            Tenant,
            pixel,
            token,
            test,
        };
        set.SetAction(
            (parsed, cancellationToken) =>
                AdministerAsync(
                    tenants =>
                        SayAsync(
                            parsed,
                            tenants.SetPixelAsync(
                                parsed.GetValue(Tenant)!,
                                parsed.GetValue(pixel)!,
                                ReadSecret(parsed.GetValue(token)) ?? "",
                                parsed.GetValue(test),
                                cancellationToken
                            ),
                            "The token is set; it is not shown again.",
                            "That token was set already."
                        ),
                    cancellationToken
                )
        );
        var list = new Verb("list", "List a tenant's pixels; never a token.", "pixels list acme") { Tenant };
        list.SetAction(
            (parsed, cancellationToken) =>
                AdministerAsync(
                    async tenants =>
                        Session.Print(parsed, await tenants.ListPixelsAsync(parsed.GetValue(Tenant)!, cancellationToken), PrintPixels),
                    cancellationToken
                )
        );
        var some = new Argument<string?>("TENANT")
        {
            Description = "Of this tenant; of all when left out.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var status = new Verb(
            "status",
            "Show how pixels do: paused, throttled or with an open circuit, and what waits for them.",
            "pixels status",
            "pixels status acme"
        )
        {
            some,
        };
        status.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                        Session.Print(
                            parsed,
                            await services.GetRequiredService<IPixelControl>().ListAsync(parsed.GetValue(some), cancellationToken),
                            PrintConditions
                        ),
                    cancellationToken
                )
        );
        var resume = new Verb(
            "resume",
            "Let a paused pixel be sent to again, such as after its permission was mended. A new token does so by itself.",
            "pixels resume acme 123456789012345"
        )
        {
            Tenant,
            pixel,
        };
        resume.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    services =>
                        SayAsync(
                            parsed,
                            services
                                .GetRequiredService<IPixelControl>()
                                .ResumeAsync(parsed.GetValue(Tenant)!, parsed.GetValue(pixel)!, cancellationToken),
                            "Resumed.",
                            "It was not paused."
                        ),
                    cancellationToken
                )
        );
        return new Command("pixels", "Where conversions go.") { set, list, status, resume };
    }

    public static Command ApiKeys()
    {
        var name = new Option<string>("--name") { Description = "What it is for.", DefaultValueFactory = _ => "default" };
        var id = new Argument<Guid>("ID");
        var scopes = new Option<string[]>("--scope")
        {
            Description = "What it may be used for: analytics, dead_letters; all when left out. May be repeated.",
            AllowMultipleArgumentsPerToken = true,
        };
        scopes.AcceptOnlyFromAmong([.. ApiKeyScopes.All]);
        var add = new Verb("add", "Make an API key; it is shown once.", "api-keys add acme --name reports --scope analytics")
        {
            Tenant,
            name,
            scopes,
        };
        add.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var key = await services
                            .GetRequiredService<IApiKeys>()
                            .AddAsync(
                                parsed.GetValue(Tenant)!,
                                parsed.GetValue(name)!,
                                parsed.GetValue(scopes) is { Length: > 0 } given ? given : null,
                                cancellationToken
                            );
                        PrintKey(parsed, key);
                    },
                    cancellationToken
                )
        );
        var rotate = new Verb(
            "rotate",
            "Make a new API key in the place of another, which stays valid for Tenancy:SecretOverlap.",
            "api-keys rotate acme 01a1fdcf-9de4-7732-8451-9e69d38bf970"
        )
        {
            Tenant,
            id,
        };
        rotate.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                        PrintKey(
                            parsed,
                            await services
                                .GetRequiredService<IApiKeys>()
                                .RotateAsync(parsed.GetValue(Tenant)!, parsed.GetValue(id), cancellationToken)
                        ),
                    cancellationToken
                )
        );
        var list = new Verb("list", "List a tenant's API keys.", "api-keys list acme") { Tenant };
        list.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                        Session.Print(
                            parsed,
                            await services.GetRequiredService<IApiKeys>().ListAsync(parsed.GetValue(Tenant)!, cancellationToken),
                            keys =>
                                Session.Table(
                                    ["ID", "NAME", "SCOPES", "CREATED", "LAST USED", "ENDS"],
                                    [
                                        .. keys.Select(key =>
                                            (string[])
                                                [
                                                    $"{key.Id}",
                                                    key.Name,
                                                    string.Join(", ", key.Scopes),
                                                    $"{key.CreatedAt:u}",
                                                    key.LastUsedAt is { } used ? $"{used:u}" : "never",
                                                    key.RevokedAt is { } revoked ? $"revoked {revoked:u}"
                                                    : key.EndsAt is { } ends ? $"{ends:u}"
                                                    : "no",
                                                ]
                                        ),
                                    ]
                                )
                        ),
                    cancellationToken
                )
        );
        var revoke = new Verb("revoke", "Revoke an API key.", "api-keys revoke acme 01a1fdcf-9de4-7732-8451-9e69d38bf970") { Tenant, id };
        revoke.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        if (
                            !await services
                                .GetRequiredService<IApiKeys>()
                                .RevokeAsync(parsed.GetValue(Tenant)!, parsed.GetValue(id), cancellationToken)
                        )
                            throw new CommandFailedException(
                                $"tenant {parsed.GetValue(Tenant)} has no valid API key {parsed.GetValue(id)}."
                            );
                        Session.Print(
                            parsed,
                            new
                            {
                                Tenant = parsed.GetValue(Tenant),
                                Id = parsed.GetValue(id),
                                Revoked = true,
                            },
                            _ => Console.WriteLine("Revoked.")
                        );
                    },
                    cancellationToken
                )
        );
        return new Command("api-keys", "Keys for the tenant's API.") { add, list, rotate, revoke };
    }

    private static void PrintKey(ParseResult parsed, NewApiKey key) =>
        Session.Print(
            parsed,
            new { key.Id, key.Key },
            made => Console.WriteLine($"{made.Key}\nSend it in the header x-api-key. It is not shown again (id {made.Id}).")
        );

    private static Task<int> AdministerAsync(Func<ITenantAdministration, Task> action, CancellationToken cancellationToken) =>
        Session.UseAsync(services => action(services.GetRequiredService<ITenantAdministration>()), cancellationToken);

    private static async Task SayAsync(ParseResult parsed, Task<bool> change, string changed, string unchanged)
    {
        var isChanged = await change;
        Session.Print(
            parsed,
            new
            {
                Tenant = parsed.GetValue(Tenant),
                Changed = isChanged,
                Message = isChanged ? changed : unchanged,
            },
            done => Console.WriteLine(done.Message)
        );
    }

    private static void PrintChanges(ChangedConnection changed)
    {
        if (changed.SecretChanged is { } secret)
            Console.WriteLine(secret ? "The secret is set; it is not shown again." : "That secret was set already.");
        if (changed.AllowListChanged is { } allowed)
            Console.WriteLine(allowed ? "The allow list is set." : "The allow list was like that already.");
        if (changed.AmountChanged is { } amount)
            Console.WriteLine(
                amount ? $"From now on a sale's value is {changed.Gateway}'s {changed.Amount}." : "That amount was set already."
            );
        if (changed.WebhookPath is { } path)
            Console.WriteLine($"The webhook's path is now, and not shown again:\n{path}");
        else if (changed.UrlSegmentChanged is { } segment)
            Console.WriteLine(segment ? "The webhook's URL needs no secret segment any more." : "It needed none already.");
    }

    // A secret on the command line shows in the list of processes; stdin does not.
    private static string? ReadSecret(string? given) => given is "-" ? Console.In.ReadToEnd().Trim() : given;

    private static void PrintDetails(TenantDetails details)
    {
        var tenant = details.Tenant;
        Console.WriteLine(
            $"{tenant.Slug}  {tenant.Name}  {$"{tenant.Status}".ToLowerInvariant()}  {tenant.TimeZone}  since {tenant.CreatedAt:u}"
        );
        Console.WriteLine($"pages that may send: {(tenant.Origins.Count == 0 ? "any" : string.Join(", ", tenant.Origins))}");
        if (tenant.DataProcessing is { } processing)
            Console.WriteLine($"Meta is told: {Words(processing)}");
        PrintFunnels(details.Funnels);
        PrintConnections(details.Connections);
        PrintPixels(details.Pixels);
    }

    private static void PrintFunnels(IReadOnlyList<FunnelInfo> funnels) =>
        Session.Table(
            ["FUNNEL", "NAME", "GATEWAY", "PRODUCT", "PIXEL", "DEFAULT", "RENEWALS"],
            [
                .. funnels.Select(funnel =>
                    (string[])
                        [
                            funnel.FunnelId,
                            funnel.Name,
                            funnel.Gateway ?? "any",
                            funnel.ProductId ?? "any",
                            funnel.PixelId ?? "the tenant's",
                            funnel.IsDefault ? "yes" : "no",
                            funnel.SendsRenewals ? "sent" : "skipped",
                        ]
                ),
            ]
        );

    private static void PrintConnections(IReadOnlyList<ConnectionInfo> connections) =>
        Session.Table(
            ["GATEWAY", "SECRET SET", "PREVIOUS VALID UNTIL", "ALLOWED", "URL SEGMENT", "AMOUNT"],
            [
                .. connections.Select(connection =>
                    (string[])
                        [
                            connection.Gateway,
                            connection.SecretSetAt is { } set ? $"{set:u}" : "no",
                            connection.PreviousValidUntil is { } until ? $"{until:u}" : "-",
                            connection.AllowedNetworks.Count == 0 ? "any" : string.Join(", ", connection.AllowedNetworks),
                            connection.HasUrlSegment ? "secret" : "none",
                            connection.Amount ?? "usual",
                        ]
                ),
            ]
        );

    private static void PrintConditions(IReadOnlyList<PixelCondition> pixels) =>
        Session.Table(
            ["TENANT", "PIXEL", "STATE", "REASON", "UNTIL", "WAITING", "FIRST TOO OLD", "TOKEN"],
            [
                .. pixels.Select(pixel =>
                    (string[])
                        [
                            pixel.TenantId is "" ? "(Meta)" : pixel.TenantId,
                            pixel.PixelId,
                            pixel.State,
                            pixel.Reason ?? "-",
                            pixel.Until is { } until ? $"{until:u}" : "-",
                            $"{pixel.Waiting}",
                            pixel.NextExpiry is { } expiry ? $"{expiry:u}" : "-",
                            pixel.TokenAlert ?? "ok",
                        ]
                ),
            ]
        );

    private static void PrintPixels(IReadOnlyList<PixelInfo> pixels) =>
        Session.Table(
            ["PIXEL", "TOKEN SET", "TEST EVENT CODE"],
            [.. pixels.Select(pixel => (string[])[pixel.PixelId, $"{pixel.TokenSetAt:u}", pixel.TestEventCode ?? "-"])]
        );
}
