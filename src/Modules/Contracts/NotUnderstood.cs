namespace TrackAi.Contracts;

/// <summary>A delivery that was not understood, without one value of it.</summary>
/// <param name="Shape">Names of its fields and kinds of their values.</param>
public sealed record NotUnderstoodDelivery(
    string Tenant,
    string Gateway,
    string DeliveryId,
    DateTimeOffset ReceivedAt,
    string Reason,
    string Shape
);

/// <summary>What gateways sent that nobody could read. Implemented by Gateways.</summary>
public interface IReadNotUnderstood
{
    /// <summary>The oldest first.</summary>
    Task<IReadOnlyList<NotUnderstoodDelivery>> ListAsync(string? tenant, string? gateway, CancellationToken cancellationToken = default);
}
