using System.Text.Json;
using System.Text.Json.Nodes;

namespace TrackAi.Demo;

/// <summary>One person's way to a sale, and what has to come of it.</summary>
internal sealed class Story(
    string what,
    string gateway,
    string order,
    string? expectedRule,
    bool expectsPurchase,
    Func<Story, CancellationToken, Task> play
)
{
    private readonly List<string> answers = [];

    public string What { get; } = what;

    public string Gateway { get; } = gateway;

    /// <summary>As the gateway calls it; the sale's own where it has several.</summary>
    public string Order { get; } = order;

    /// <summary>The rule that has to join it to its click; null when no click can be found.</summary>
    public string? ExpectedRule { get; } = expectedRule;

    public bool ExpectsPurchase { get; } = expectsPurchase;

    public IReadOnlyList<string> Answers => answers;

    /// <summary>Answers that were not what the story expects.</summary>
    public int Surprises { get; private set; }

    public Task PlayAsync(CancellationToken cancellationToken) => play(this, cancellationToken);

    public static IReadOnlyList<Story> All(Shop shop, OtherGateways gateways)
    {
        return
        [
            New(
                "click, PerfectPay card sale with our token in src",
                "ClickToken",
                async (story, cancellationToken) =>
                {
                    var click = await shop.ClickAsync(AdClick(Shop.NewFbclid(), shop.NewFbp()), cancellationToken);
                    story.Expect(
                        await shop.PostbackAsync(
                            story.Order,
                            2,
                            147.90m,
                            shop.NewEmail("idalina"),
                            new JsonObject { ["src"] = click },
                            cancellationToken
                        ),
                        202
                    );
                }
            ),
            New(
                "the same token inside another script's packed sck",
                "ClickToken",
                async (story, cancellationToken) =>
                {
                    var click = await shop.ClickAsync(AdClick(Shop.NewFbclid(), shop.NewFbp()), cancellationToken);
                    var packed = new JsonObject { ["sck"] = $"FBjLj6hQwK21wXxR{click}hQwK21wXxRviolao" };
                    story.Expect(await shop.PostbackAsync(story.Order, 2, 97m, shop.NewEmail("rui"), packed, cancellationToken), 202);
                }
            ),
            New(
                "sale that only carries Meta's browser cookie",
                "Fbp",
                async (story, cancellationToken) =>
                {
                    var fbp = shop.NewFbp();
                    await shop.ClickAsync(AdClick(null, fbp), cancellationToken);
                    story.Expect(
                        await shop.PostbackAsync(
                            story.Order,
                            2,
                            67m,
                            shop.NewEmail("ana"),
                            new JsonObject { ["_fbp"] = fbp },
                            cancellationToken
                        ),
                        202
                    );
                }
            ),
            New(
                "e-mail learned at the checkout, sale by the simple contract",
                "EmailHash",
                async (story, cancellationToken) =>
                {
                    var (fbp, email) = (shop.NewFbp(), shop.NewEmail("joao"));
                    await shop.ClickAsync(AdClick(Shop.NewFbclid(), fbp), cancellationToken);
                    await shop.CheckoutAsync(
                        new
                        {
                            fbp,
                            email,
                            value = 197,
                            currency = "BRL",
                            product_id = "PPPB0AQX",
                        },
                        cancellationToken
                    );
                    var sale = new
                    {
                        order_id = story.Order,
                        customer = new { email = email.ToUpperInvariant() },
                        amount = 197.00m,
                        currency = "BRL",
                        status = "approved",
                    };
                    story.Expect(await shop.SimpleAsync(sale, cancellationToken), 202);
                    story.Expect(await shop.SimpleAsync(sale, cancellationToken), 202, duplicate: true);
                }
            ),
            New(
                "pix issued, then paid: one Purchase, when paid",
                "ClickToken",
                async (story, cancellationToken) =>
                {
                    var click = await shop.ClickAsync(AdClick(Shop.NewFbclid(), shop.NewFbp()), cancellationToken);
                    var (email, metadata) = (shop.NewEmail("bia"), new JsonObject { ["src"] = click });
                    story.Expect(
                        await shop.PostbackAsync(story.Order, 1, 297m, email, metadata.DeepClone().AsObject(), cancellationToken),
                        202
                    );
                    story.Expect(await shop.PostbackAsync(story.Order, 2, 297m, email, metadata, cancellationToken), 202);
                }
            ),
            New(
                "sale without any click: sent on the buyer's data",
                null,
                async (story, cancellationToken) =>
                    story.Expect(await shop.PostbackAsync(story.Order, 2, 39.90m, shop.NewEmail("caio"), null, cancellationToken), 202)
            ),
            New(
                "paid, refunded, and \"approved\" again at completion: one Purchase",
                "ClickToken",
                async (story, cancellationToken) =>
                {
                    var click = await shop.ClickAsync(AdClick(Shop.NewFbclid(), shop.NewFbp()), cancellationToken);
                    var email = shop.NewEmail("lia");
                    foreach (var (status, isRepeated) in ((int, bool)[])[(2, false), (7, false), (2, true)])
                        story.Expect(
                            await shop.PostbackAsync(
                                story.Order,
                                status,
                                147.90m,
                                email,
                                new JsonObject { ["src"] = click },
                                cancellationToken
                            ),
                            202,
                            duplicate: isRepeated
                        );
                }
            ),
            New(
                "boleto that is never paid: no Purchase",
                null,
                async (story, cancellationToken) =>
                    story.Expect(await shop.PostbackAsync(story.Order, 1, 147.90m, shop.NewEmail("eva"), null, cancellationToken), 202),
                expectsPurchase: false
            ),
            New(
                "Hotmart: pix issued and paid, our token inside the packed sck",
                "ClickToken",
                async (story, cancellationToken) =>
                {
                    var click = await shop.ClickAsync(AdClick(Shop.NewFbclid(), shop.NewFbp()), cancellationToken);
                    var (email, sck) = (shop.NewEmail("marilda"), $"FBhQwK21wXxR120210998877660101hQwK21wXxR{click}");
                    foreach (var name in (string[])["PURCHASE_BILLET_PRINTED", "PURCHASE_APPROVED"])
                        story.Expect(await gateways.HotmartAsync(name, story.Order, 297m, email, cancellationToken, sck: sck), 202);
                },
                gateway: "hotmart",
                prefix: "HP"
            ),
            New(
                "Hotmart: refunded within the guarantee, complete weeks later: one Purchase",
                null,
                async (story, cancellationToken) =>
                {
                    var email = shop.NewEmail("nara");
                    story.Expect(await gateways.HotmartAsync("PURCHASE_APPROVED", story.Order, 97m, email, cancellationToken), 202);
                    story.Expect(await gateways.HotmartAsync("PURCHASE_REFUNDED", story.Order, 97m, email, cancellationToken), 202);
                    story.Expect(
                        await gateways.HotmartAsync("PURCHASE_COMPLETE", story.Order, 97m, email, cancellationToken),
                        202,
                        duplicate: true
                    );
                },
                gateway: "hotmart",
                prefix: "HP"
            ),
            New(
                "Hotmart: renewal of a subscription: recorded, not sent",
                null,
                async (story, cancellationToken) =>
                    story.Expect(
                        await gateways.HotmartAsync(
                            "PURCHASE_APPROVED",
                            story.Order,
                            49.90m,
                            shop.NewEmail("sara"),
                            cancellationToken,
                            recurrence: 2
                        ),
                        202
                    ),
                expectsPurchase: false,
                gateway: "hotmart",
                prefix: "HP"
            ),
            New(
                "Hotmart: an event that nobody knows: acknowledged, kept, listed by 'deliveries not-understood'",
                null,
                async (story, cancellationToken) =>
                    story.Expect(
                        await gateways.HotmartAsync("PURCHASE_TELEPORTED", story.Order, 97m, shop.NewEmail("iara"), cancellationToken),
                        202
                    ),
                expectsPurchase: false,
                gateway: "hotmart",
                prefix: "HP"
            ),
            New(
                "Kiwify: card sale in centavos, our token in s1, signed in the query",
                "ClickToken",
                async (story, cancellationToken) =>
                {
                    var click = await shop.ClickAsync(AdClick(Shop.NewFbclid(), shop.NewFbp()), cancellationToken);
                    story.Expect(
                        await gateways.KiwifyAsync(
                            "order_approved",
                            story.Order,
                            19_700,
                            shop.NewEmail("otavio"),
                            click,
                            cancellationToken
                        ),
                        202
                    );
                },
                gateway: "kiwify",
                prefix: "kw-"
            ),
            New(
                "Kiwify: the order wrapped, and signed over what is inside",
                null,
                async (story, cancellationToken) =>
                    story.Expect(
                        await gateways.KiwifyAsync(
                            "order_approved",
                            story.Order,
                            4_990,
                            shop.NewEmail("olga"),
                            null,
                            cancellationToken,
                            isWrapped: true
                        ),
                        202
                    ),
                gateway: "kiwify",
                prefix: "kw-"
            ),
            New(
                "Stripe: one checkout told by charge, payment and session: one Purchase",
                "ClickToken",
                async (story, cancellationToken) =>
                {
                    var click = await shop.ClickAsync(AdClick(Shop.NewFbclid(), shop.NewFbp()), cancellationToken);
                    var email = shop.NewEmail("teodora");
                    story.Expect(await gateways.StripeChargeAsync(story.Order, 29_700, email, cancellationToken), 202);
                    story.Expect(await gateways.StripePaymentAsync(story.Order, 29_700, cancellationToken), 202);
                    story.Expect(
                        await gateways.StripeSessionAsync("completed", story.Order, 29_700, email, click, true, cancellationToken),
                        202
                    );
                },
                gateway: "stripe",
                prefix: "pi_"
            ),
            New(
                "Stripe: boleto at the checkout, paid days later: one Purchase, when paid",
                "ClickToken",
                async (story, cancellationToken) =>
                {
                    var click = await shop.ClickAsync(AdClick(Shop.NewFbclid(), shop.NewFbp()), cancellationToken);
                    var email = shop.NewEmail("vera");
                    story.Expect(
                        await gateways.StripeSessionAsync("completed", story.Order, 14_790, email, click, false, cancellationToken),
                        202
                    );
                    story.Expect(
                        await gateways.StripeSessionAsync(
                            "async_payment_succeeded",
                            story.Order,
                            14_790,
                            email,
                            click,
                            true,
                            cancellationToken
                        ),
                        202
                    );
                },
                gateway: "stripe",
                prefix: "pi_"
            ),
            New(
                "Stripe: a signature that is ten minutes old: refused",
                null,
                async (story, cancellationToken) =>
                    story.Expect(
                        await gateways.StripePaymentAsync(story.Order, 999_900, cancellationToken, age: TimeSpan.FromMinutes(10)),
                        401
                    ),
                expectsPurchase: false,
                gateway: "stripe",
                prefix: "pi_"
            ),
            New(
                "forged delivery: refused",
                null,
                async (story, cancellationToken) =>
                {
                    story.Expect(
                        await shop.PostbackAsync(
                            story.Order,
                            2,
                            9999m,
                            shop.NewEmail("mal"),
                            null,
                            cancellationToken,
                            token: "not-the-token"
                        ),
                        401
                    );
                    story.Expect(
                        await shop.SimpleAsync(
                            new
                            {
                                order_id = story.Order,
                                customer = new { email = shop.NewEmail("mal") },
                                amount = 9999,
                                currency = "BRL",
                                status = "approved",
                            },
                            cancellationToken,
                            secret: "guessed"
                        ),
                        401
                    );
                },
                expectsPurchase: false
            ),
        ];

        Story New(
            string what,
            string? rule,
            Func<Story, CancellationToken, Task> play,
            bool expectsPurchase = true,
            string gateway = "perfectpay",
            string prefix = "PPCPDEMO"
        ) => new(what, gateway, shop.NewOrder(prefix), rule, expectsPurchase, play);
    }

    private void Expect((int Status, JsonElement Answer) answer, int status, bool duplicate = false)
    {
        var isDuplicate = answer.Answer.TryGetProperty("duplicate", out var flag) && flag.GetBoolean();
        answers.Add($"{answer.Status}{(isDuplicate ? " duplicate" : "")}");
        if (answer.Status != status || isDuplicate != duplicate)
            Surprises++;
    }

    private static object AdClick(string? fbclid, string fbp) =>
        new
        {
            fbclid,
            fbp,
            utm_source = "FB",
            utm_campaign = "violao-quente|120210998877660012",
            utm_content = "carrossel-1|120210998877660102",
            event_source_url = "https://violao.exemplo/oferta",
        };
}
