namespace TrackAi.Contracts;

/// <summary>An amount in major units (reais, not centavos) with its ISO 4217 code in upper case. Never added across currencies.</summary>
public sealed record Money(decimal Amount, string Currency);
