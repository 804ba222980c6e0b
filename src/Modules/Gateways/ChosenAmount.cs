using System.Text.Json;
using TrackAi.Contracts;

namespace TrackAi.Gateways;

/// <summary>The amount that is a sale's value.</summary>
/// <param name="Name">Which of the gateway's amounts it is.</param>
/// <param name="Notes">Says so where it is not the one that was asked for, or not kept as it came.</param>
public sealed record ChosenAmount(string Name, decimal Amount, IReadOnlyList<string> Notes);

public static class ChosenAmounts
{
    /// <summary>
    /// The amount that the connection asks for, else the usual one: a sale with another amount is better than none. Null when that is missing too:
    /// then the gateway's format drifted.
    /// </summary>
    /// <param name="amounts"><see cref="IGateway.Amounts"/>.</param>
    /// <param name="asked"><see cref="WebhookDelivery.Amount"/>.</param>
    /// <param name="read">In major units.</param>
    public static ChosenAmount? AmountChosen(
        this JsonElement root,
        IReadOnlyList<string> amounts,
        string? asked,
        Func<JsonElement, string, decimal?> read
    )
    {
        foreach (var name in asked is null ? amounts.Take(1) : [asked, amounts[0]])
            if (read(root, name) is { } amount)
                return new ChosenAmount(
                    name,
                    amount,
                    [
                        .. asked is null || name == asked ? (string[])[] : [$"{asked}: missing, {name} was taken for the value"],
                        .. Money.NotesOn(name, amount),
                    ]
                );
        return null;
    }
}
