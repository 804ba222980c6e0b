using Npgsql;
using NpgsqlTypes;

namespace TrackAi.EventStore.Tests;

/// <summary>What a test sees of a projection that takes large pages, and how it disturbs it.</summary>
internal interface IBulkProbe : IProjection
{
    /// <summary>The most events that it was given at once.</summary>
    long Largest { get; }

    /// <summary>Whether a negative amount is digested, as after its code was mended.</summary>
    bool Digests { get; set; }

    /// <summary>Called before it writes.</summary>
    Func<Task> BeforeWrite { get; set; }
}

/// <summary>One payment, as far as <see cref="PaidByMembers"/> asks for it.</summary>
internal sealed record Payment(decimal Amount);

/// <summary>Payments by the last two digits of their amount, and the last amount of each in the order of the log.</summary>
internal sealed class PaidByMembers : MemberProjection<Payment>, IBulkProbe
{
    private readonly Digestion digestion;

    public PaidByMembers()
        : this(new Digestion()) { }

    private PaidByMembers(Digestion digestion)
        : base(new EventFacts<Payment>().On<OrderPaid>([digestion.Amount], digestion.Read)) => this.digestion = digestion;

    public override string Name => "PaidByMembers";

    public override IReadOnlyList<string> Tables { get; } = ["paid_by_members"];

    public long Largest { get; private set; }

    public bool Digests
    {
        get => digestion.Digests;
        set => digestion.Digests = value;
    }

    public Func<Task> BeforeWrite { get; set; } = () => Task.CompletedTask;

    protected override async Task ApplyAsync(IReadOnlyList<Payment> facts, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        Largest = Math.Max(Largest, facts.Count);
        await BeforeWrite();
        await using var upsert = new NpgsqlCommand(
            """
            insert into paid_by_members as p (bucket, payments, paid, last_amount)
            select mod(a, 100)::int, count(*), sum(a), (array_agg(a order by n desc))[1]
            from unnest($1) with ordinality u(a, n) group by 1
            on conflict (bucket) do update
            set payments = p.payments + excluded.payments, paid = p.paid + excluded.paid, last_amount = excluded.last_amount
            """,
            connection
        )
        {
            Parameters = { new() { Value = facts.Select(fact => fact.Amount).ToArray() } },
        };
        await upsert.ExecuteNonQueryAsync(cancellationToken);
    }

    private sealed class Digestion
    {
        public EventMember Amount { get; } = new EventMemberSet().Add("amount");

        public bool Digests { get; set; }

        public Payment Read(EventMembers members) =>
            members.Number(Amount) is var paid && (paid >= 0 || Digests)
                ? new Payment(paid)
                : throw members.Unreadable(Amount, "is negative");
    }
}

/// <summary>The same, worked out by Postgres.</summary>
internal sealed class PaidBySet : IBulkProbe, ISetProjection
{
    public string Name => "PaidBySet";

    public IReadOnlyCollection<Type> EventTypes { get; } = [typeof(OrderPaid)];

    public IReadOnlyList<string> Tables { get; } = ["paid_by_set"];

    public long Largest { get; private set; }

    public bool Digests { get; set; }

    public Func<Task> BeforeWrite { get; set; } = () => Task.CompletedTask;

    public async Task<SetChange> ReadAsync(LogRange range, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var rows = new List<(int Bucket, long Payments, decimal Paid, decimal Last)>();
        await using var select = new NpgsqlCommand(
            $"""
            select mod(a, 100)::int, count(*), sum(a), (array_agg(a order by seq_id desc))[1], min(a)
            from {ISetProjection.Log} e, lateral (select (e.data ->> 'amount')::numeric) as amount(a)
            where seq_id > $1 and seq_id <= $2 and type = 'order_paid' and is_archived = false and seq_id <> all ($3)
            group by 1
            """,
            connection
        )
        {
            Parameters =
            {
                new() { Value = range.After },
                new() { Value = range.UpTo },
                new() { Value = range.Skipped.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
            },
        };
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            if (row.GetDecimal(4) < 0 && !Digests)
                throw new UnreadableEventException("A payment is negative.");
            rows.Add((row.GetInt32(0), row.GetInt64(1), row.GetDecimal(2), row.GetDecimal(3)));
        }

        return new SetChange(rows.Sum(one => one.Payments), WriteAsync);

        async Task WriteAsync(NpgsqlConnection write, CancellationToken token)
        {
            Largest = Math.Max(Largest, rows.Sum(one => one.Payments));
            await BeforeWrite();
            await using var upsert = new NpgsqlCommand(
                """
                insert into paid_by_set as p (bucket, payments, paid, last_amount) select * from unnest($1, $2, $3, $4)
                on conflict (bucket) do update
                set payments = p.payments + excluded.payments, paid = p.paid + excluded.paid, last_amount = excluded.last_amount
                """,
                write
            )
            {
                Parameters =
                {
                    new() { Value = rows.Select(one => one.Bucket).ToArray() },
                    new() { Value = rows.Select(one => one.Payments).ToArray() },
                    new() { Value = rows.Select(one => one.Paid).ToArray() },
                    new() { Value = rows.Select(one => one.Last).ToArray() },
                },
            };
            await upsert.ExecuteNonQueryAsync(token);
        }
    }
}
