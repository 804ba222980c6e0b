using System.Text.Json.Nodes;

namespace TrackAi.Gateways.Tests;

/// <summary>The two shapes of a webhook.</summary>
public enum Shape
{
    /// <summary>The gateway's own.</summary>
    Native,

    /// <summary>Ours.</summary>
    Simple,
}

/// <summary>How a delivery proves where it comes from, beside its body.</summary>
public sealed record Proof(IReadOnlyList<(string Name, string Value)> Headers, string Query = "")
{
    public static readonly Proof None = new([]);

    /// <summary>The same with its last character cut off.</summary>
    public Proof Truncated() => new([.. Headers.Select(header => (header.Name, header.Value[..^1]))], Query.Length == 0 ? "" : Query[..^1]);
}

/// <summary>A gateway's names of the simple contract.</summary>
public sealed record SimpleShape
{
    public required string SignatureHeader { get; init; }
    public string OrderField { get; init; } = "order_id";
    public string BuyerField { get; init; } = "customer";
    public string AmountField { get; init; } = "amount";
    public string TimeField { get; init; } = "event_time";
    public bool IsTimeOptional { get; init; }
    public string Approved { get; init; } = "approved";

    public JsonObject Sale(string order) =>
        new()
        {
            [OrderField] = order,
            [BuyerField] = new JsonObject
            {
                ["email"] = $"{order}@exemplo.com.br",
                ["phone"] = "+55 85 98700-1122",
                ["name"] = "Idalina Furtado Prates",
                ["city"] = "Fortaleza",
                ["state"] = "CE",
                ["zip"] = "60165-121",
                ["country"] = "BR",
            },
            [AmountField] = 147.90m,
            ["currency"] = "BRL",
            ["status"] = Approved,
            [TimeField] = TimeProvider.System.GetUtcNow().ToString("O"),
            ["product_id"] = "PPPB0AQX",
            ["click_id"] = "tk1_8fQ2mZr7Lp0Vb3Xy",
            ["fbc"] = "fb.1.1793890500120.IwZXh0bgNhZW0BMEXEMPLO_aBcDe",
            ["fbp"] = "fb.1.1793890500123.1432567890",
            ["ip"] = "177.20.14.9",
            ["user_agent"] = "Mozilla/5.0",
            ["src"] = "src",
            ["utm_source"] = "FB",
            ["event_source_url"] = "https://exemplo.com.br/obrigado?x=1",
        };
}
