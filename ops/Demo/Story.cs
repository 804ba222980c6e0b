using System.Text.Json;
using System.Text.Json.Nodes;

namespace TrackAi.Demo;

/// <summary>One person's way to a sale, and what has to come of it.</summary>
internal sealed class Story(
    string what,
    string order,
    string? expectedRule,
    bool expectsPurchase,
    Func<Story, CancellationToken, Task> play
)
{
    private readonly List<string> answers = [];

    public string What { get; } = what;

    public string Order { get; } = order;

    /// <summary>The rule that has to join it to its click; null when no click can be found.</summary>
    public string? ExpectedRule { get; } = expectedRule;

    public bool ExpectsPurchase { get; } = expectsPurchase;

    public IReadOnlyList<string> Answers => answers;

    /// <summary>Answers that were not what the story expects.</summary>
    public int Surprises { get; private set; }

    public Task PlayAsync(CancellationToken cancellationToken) => play(this, cancellationToken);

    public static IReadOnlyList<Story> All(Shop shop)
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
                    foreach (var status in (int[])[2, 7, 2])
                        story.Expect(
                            await shop.PostbackAsync(
                                story.Order,
                                status,
                                147.90m,
                                email,
                                new JsonObject { ["src"] = click },
                                cancellationToken
                            ),
                            202
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

        Story New(string what, string? rule, Func<Story, CancellationToken, Task> play, bool expectsPurchase = true) =>
            new(what, shop.NewOrder(), rule, expectsPurchase, play);
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
