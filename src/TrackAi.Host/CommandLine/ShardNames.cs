using TrackAi.EventStore;

namespace TrackAi.Host.CommandLine;

/// <summary>How projections and subscriptions are named on the command line: in any case, and also as <c>projections status</c> prints them (<c>NAME:All</c>).</summary>
internal static class ShardNames
{
    public static IReadOnlyList<string> All(IServiceProvider services) =>
        [.. services.GetServices<IProjection>().Select(one => one.Name), .. services.GetServices<ISubscription>().Select(one => one.Name)];

    /// <param name="what">What is looked for, for the error.</param>
    /// <exception cref="CommandFailedException">There is none of that name.</exception>
    public static string Find(IReadOnlyCollection<string> known, string given, string what) =>
        known.SingleOrDefault(one => one.Equals(Short(given), StringComparison.OrdinalIgnoreCase))
        ?? throw new CommandFailedException($"there is no {what} '{given}'; there are {string.Join(", ", known)}.");

    /// <summary>Without what names the shard.</summary>
    public static string Short(string name) => name.Split(':')[0];
}
