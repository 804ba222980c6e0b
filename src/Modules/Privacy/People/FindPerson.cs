using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Privacy.Normalising;

namespace TrackAi.Privacy.People;

/// <summary>A stream of the person, with whom it names as far as that can still be read.</summary>
internal sealed record FoundStream(
    StreamId Id,
    string FoundBy,
    IReadOnlyList<RecordedEvent> Events,
    IReadOnlyDictionary<string, ProtectedPerson> People
)
{
    public Guid? ErasedBy => Events.Select(recorded => recorded.Data).OfType<PersonalDataErased>().FirstOrDefault()?.ErasureId;
}

internal sealed record FoundPerson(PersonTraces Traces, IReadOnlyList<FoundStream> Streams, int SharedStreams);

/// <summary>
/// Finds everything of a person: first what bears the e-mail, phone or order that was given; then the clicks that this names, and what the same
/// browser left without naming anybody else.
/// </summary>
internal sealed class FindPerson(
    PersonIndex index,
    PersonHashes hashes,
    OpenPeople people,
    PostgresEventStore store,
    IEnumerable<IHoldPersonalData> holders
)
{
    public async Task<FoundPerson> FindAsync(PersonRequest request, CancellationToken cancellationToken)
    {
        var search = new Search(request.TenantId, await index.ReadTailAsync(request.TenantId, cancellationToken));
        var given = Given(request);
        foreach (var order in request.Orders)
            given.AddRange(await FindOrderAsync(search, order, cancellationToken));
        search.Hashes.UnionWith(given.SelectMany(one => one.Hashes));
        foreach (var (foundBy, wanted) in given)
            await FindDirectAsync(search, foundBy, wanted, cancellationToken);
        search.Own.UnionWith(given.SelectMany(one => one.Hashes));
        search.Own.UnionWith(search.Found.Values.SelectMany(stream => NamedIn(search.Tenant, stream)));

        while (await FollowAsync(search, cancellationToken))
            continue;

        var shared = await index.FindAsync(search.Tenant, search.Own, search.Tail, cancellationToken);
        return new FoundPerson(
            new PersonTraces(search.Tenant, [.. search.Hashes.Select(Convert.FromHexString)], [.. search.Found.Keys]),
            [.. search.Found.Values],
            shared.Keys.Count(stream => !search.Found.ContainsKey(stream))
        );
    }

    private List<(string FoundBy, IReadOnlyList<string> Hashes)> Given(PersonRequest request)
    {
        var given = new List<(string, IReadOnlyList<string>)>();
        foreach (var email in request.Emails)
            given.Add(("email", Of(new Person { Email = email }, "email: give a whole e-mail address, such as ana@example.com.")));
        foreach (var phone in request.Phones)
            given.Add(("phone", Of(new Person { Phone = phone }, "phone: give a number with its area code, such as +55 11 98765-4321.")));
        return given;

        IReadOnlyList<string> Of(Person one, string remedy)
        {
            var person = Normalised.From(one).Person;
            string[] known = [.. hashes.Named(request.TenantId, person), .. hashes.InLookUps(request.TenantId, person)];
            return known.Length > 0 ? known : throw new PersonRequestRefusedException(remedy);
        }
    }

    /// <returns>The e-mail and phone of the order's buyer, which are looked for like those that are given.</returns>
    private async Task<List<(string FoundBy, IReadOnlyList<string> Hashes)>> FindOrderAsync(
        Search search,
        string order,
        CancellationToken cancellationToken
    )
    {
        var hash = hashes.Order(search.Tenant, order);
        var streams = (await index.FindAsync(search.Tenant, [hash], search.Tail, cancellationToken)).Keys.ToHashSet(StringComparer.Ordinal);
        if (streams.Count == 0)
            streams.Add(Streams.Conversion(order));
        await TakeAsync(search, "order", streams, anybody: true, cancellationToken);
        var taken = streams.Where(search.Found.ContainsKey).Select(stream => search.Found[stream]).ToArray();
        if (taken.Length == 0)
            throw new PersonRequestRefusedException(
                $"order: the tenant has no order '{order}'; give the gateway's own order, or the conversion's id ({{gateway}}-{{order}})."
            );
        return
        [
            ("order", [hash]),
            ("email", [.. taken.SelectMany(stream => NamedIn(search.Tenant, stream))]),
            ("phone", [.. taken.SelectMany(stream => stream.People.Values.SelectMany(one => hashes.InLookUps(search.Tenant, one)))]),
        ];
    }

    private async Task FindDirectAsync(Search search, string foundBy, IReadOnlyList<string> wanted, CancellationToken cancellationToken)
    {
        var streams = await index.FindAsync(search.Tenant, wanted, search.Tail, cancellationToken);
        // What an erasure that broke off has left: nothing of it opens any more, and its rows still tell what else is known of the person.
        search.Hashes.UnionWith(streams.Values.SelectMany(known => known));
        await TakeAsync(search, foundBy, streams.Keys, anybody: true, cancellationToken);
        await AskHoldersAsync(search, foundBy, wanted, cancellationToken);
    }

    /// <summary>One step from what is known: the clicks it names, and what its browsers left.</summary>
    private async Task<bool> FollowAsync(Search search, CancellationToken cancellationToken)
    {
        var before = search.Found.Count;
        var clicks = search
            .Found.Values.SelectMany(stream => stream.Events)
            .SelectMany(recorded => PersonalEvents.ClicksNamedBy(recorded.Data))
            .ToHashSet(StringComparer.Ordinal);
        await TakeAsync(search, "click", clicks.Select(Streams.Click), anybody: false, cancellationToken);

        var browsers = search
            .Found.Values.SelectMany(stream => stream.People.Values)
            .SelectMany(person => hashes.Browser(search.Tenant, person))
            .Concat(clicks.Select(click => hashes.Click(search.Tenant, click)))
            .Where(search.Followed.Add)
            .ToArray();
        search.Hashes.UnionWith(browsers);
        search.Hashes.UnionWith(
            search.Found.Values.SelectMany(stream =>
                stream.People.Values.SelectMany(person =>
                    hashes.Named(search.Tenant, person).Concat(hashes.InLookUps(search.Tenant, person))
                )
            )
        );
        if (browsers.Length == 0)
            return search.Found.Count > before;
        var streams = await index.FindAsync(search.Tenant, browsers, search.Tail, cancellationToken);
        await TakeAsync(search, "browser", streams.Keys, anybody: false, cancellationToken);
        await AskHoldersAsync(search, "browser", browsers, cancellationToken);
        return true;
    }

    private async Task AskHoldersAsync(Search search, string foundBy, IReadOnlyList<string> wanted, CancellationToken cancellationToken)
    {
        var traces = new PersonTraces(search.Tenant, [.. wanted.Select(Convert.FromHexString)], []);
        foreach (var holder in holders)
            await TakeAsync(
                search,
                foundBy,
                await holder.FindStreamsAsync(traces, cancellationToken),
                anybody: foundBy != "browser",
                cancellationToken
            );
    }

    /// <param name="anybody">Whether a stream is taken that names somebody else, too.</param>
    private async Task TakeAsync(
        Search search,
        string foundBy,
        IEnumerable<string> streams,
        bool anybody,
        CancellationToken cancellationToken
    )
    {
        foreach (var chunk in streams.Where(stream => !search.Found.ContainsKey(stream)).Chunk(500))
        {
            var read = await store.ReadStreamsAsync([.. chunk.Select(stream => new StreamId(search.Tenant, stream))], cancellationToken);
            foreach (var stream in await OpenAsync(read, foundBy, cancellationToken))
            {
                var named = NamedIn(search.Tenant, stream).ToArray();
                if (anybody || named.Length == 0 || search.Own.Overlaps(named))
                    search.Found.TryAdd(stream.Id.Id, stream);
            }
        }
    }

    private async Task<IReadOnlyList<FoundStream>> OpenAsync(
        ILookup<StreamId, RecordedEvent> streams,
        string foundBy,
        CancellationToken cancellationToken
    )
    {
        ProtectedPart[] parts =
        [
            .. streams
                .SelectMany(stream => stream)
                .Select(recorded => (recorded.Stream, Part: PersonalEvents.ProtectedPartOf(recorded.Data)))
                .Where(one => one.Part is not null)
                .Select(one => new ProtectedPart(one.Stream.TenantId, one.Stream.Id, one.Part!)),
        ];
        var opened = parts
            .Zip(await people.OpenAsync(parts, cancellationToken))
            .Where(pair => pair.Second is not null)
            .ToLookup(pair => pair.First.StreamId, pair => (pair.First.Protected, Person: pair.Second!), StringComparer.Ordinal);
        return
        [
            .. streams.Select(stream => new FoundStream(
                stream.Key,
                foundBy,
                [.. stream],
                opened[stream.Key.Id].ToDictionary(one => one.Protected, one => one.Person, StringComparer.Ordinal)
            )),
        ];
    }

    private IEnumerable<string> NamedIn(string tenant, FoundStream stream) =>
        stream.People.Values.SelectMany(person => hashes.Named(tenant, person));

    private sealed record Search(string Tenant, IReadOnlyDictionary<StreamId, HashSet<string>> Tail)
    {
        public Dictionary<string, FoundStream> Found { get; } = new(StringComparer.Ordinal);

        /// <summary>All that the person is known by.</summary>
        public HashSet<string> Hashes { get; } = new(StringComparer.Ordinal);

        /// <summary>E-mails and phones that are theirs: what was given, and what stands beside it.</summary>
        public HashSet<string> Own { get; } = new(StringComparer.Ordinal);

        public HashSet<string> Followed { get; } = new(StringComparer.Ordinal);
    }
}
