namespace TrackAi.Contracts;

/// <summary>The subscriptions that decide about a sale, one after the other, by the names that <c>projections status</c> shows.</summary>
public static class Deciders
{
    public const string Matching = "Matching";
    public const string Dispatch = "Dispatch";
}
