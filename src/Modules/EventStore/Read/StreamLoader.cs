using Npgsql;

namespace TrackAi.EventStore.Reading;

/// <summary>
/// Folds streams. A load goes at once and alone, unless as many as there are cores are on their way: then it waits for the first of them, and whoever
/// waits by then goes together, in one round trip. That costs Postgres a fifth less for each and there is no timer in the way. Callers fold on their own
/// threads, with nothing held: a slow fold keeps nobody waiting.
/// </summary>
internal sealed class StreamLoader(NpgsqlDataSource dataSource, EventSerializer serializer)
{
    // Carries nothing but what a fold looks at: what else is recorded of an event is half of what a short one costs.
    private const string Events =
        "select e.seq_id, e.type, e.data from mt_events e where e.tenant_id = $1 and e.stream_id = $2 order by e.version";

    private const int MostTogether = 64;

    private static readonly string First = $"{Events} limit {PendingLoad.MostEvents}";
    private static readonly int MostReaders = Math.Max(2, Environment.ProcessorCount);

    private readonly Lock gate = new();
    private readonly Queue<PendingLoad> waiting = [];
    private int readers;
    private int inFlight;

    public async Task<T?> FoldAsync<T>(StreamId stream, Func<T?, object, T> evolve, CancellationToken cancellationToken)
        where T : class
    {
        var load = new PendingLoad(stream);
        if (GoesAlone(load))
            await ReadAloneAsync(load, cancellationToken);
        else
            await load.WaitAsync(cancellationToken);

        T? state = null;
        foreach (var row in load.Rows)
            state = evolve(state, serializer.Deserialize(row.Sequence, row.Type, row.Json));
        return load.IsWhole ? state : await FoldRestAsync(load, state, evolve, cancellationToken);
    }

    private bool GoesAlone(PendingLoad load)
    {
        lock (gate)
        {
            if (readers == MostReaders)
            {
                waiting.Enqueue(load);
                return false;
            }
            readers++;
            inFlight++;
            return true;
        }
    }

    private async Task ReadAloneAsync(PendingLoad load, CancellationToken cancellationToken)
    {
        try
        {
            await using var select = dataSource.CreateCommand(First);
            select.Parameters.Add(new() { Value = load.Stream.TenantId });
            select.Parameters.Add(new() { Value = load.Stream.Id });
            await using var rows = await select.ExecuteReaderAsync(cancellationToken);
            await KeepAsync(load, rows, cancellationToken);
        }
        finally
        {
            Leave();
        }
    }

    // Not the one that leaves serves those that wait: it has its own caller.
    private void Leave()
    {
        lock (gate)
        {
            inFlight--;
            if (waiting.Count == 0)
            {
                readers--;
                return;
            }
        }
        _ = Task.Run(ReadTogetherAsync);
    }

    private async Task ReadTogetherAsync()
    {
        while (Take() is { Count: > 0 } batch)
        {
            await ReadTogetherAsync(batch);
            lock (gate)
                inFlight -= batch.Count;
            if (batch.Count > 1)
                await AfterAnswersAsync();
        }
    }

    // No more than its share, so that the batches of all readers are alike.
    private List<PendingLoad> Take()
    {
        lock (gate)
        {
            var share = Math.Min(MostTogether, (waiting.Count + inFlight + MostReaders - 1) / MostReaders);
            var batch = new List<PendingLoad>(Math.Min(waiting.Count, share));
            while (batch.Count < share && waiting.TryDequeue(out var load))
                if (!load.IsForgotten)
                    batch.Add(load);
            inFlight += batch.Count;
            if (batch.Count == 0)
                readers--;
            return batch;
        }
    }

    private async Task ReadTogetherAsync(List<PendingLoad> batch)
    {
        var answered = 0;
        try
        {
            // The statement of one, many times: an unnest of the streams is planned anew for every batch, by the number of them.
            await using var select = dataSource.CreateBatch();
            foreach (var load in batch)
                select.BatchCommands.Add(
                    new NpgsqlBatchCommand(First)
                    {
                        Parameters =
                        {
                            new() { Value = load.Stream.TenantId },
                            new() { Value = load.Stream.Id },
                        },
                    }
                );
            await using var rows = await select.ExecuteReaderAsync();
            for (; answered < batch.Count; answered++)
            {
                await KeepAsync(batch[answered], rows, CancellationToken.None);
                batch[answered].Answer();
                await rows.NextResultAsync();
            }
        }
        catch (Exception)
        {
            // Whose fault it was is not known: each of them goes alone and hears of its own.
            for (; answered < batch.Count; answered++)
                batch[answered].GiveBack();
        }
    }

    private static async Task KeepAsync(PendingLoad load, NpgsqlDataReader rows, CancellationToken cancellationToken)
    {
        var all = true;
        while (await rows.ReadAsync(cancellationToken))
            if (load.HasRoom)
                load.Add(new PendingLoad.Row(rows.GetInt64(0), rows.GetString(1), rows.GetFieldValue<byte[]>(2)));
            else
                all = false;
        load.End(all);
    }

    private async Task<T?> FoldRestAsync<T>(PendingLoad load, T? state, Func<T?, object, T> evolve, CancellationToken cancellationToken)
        where T : class
    {
        await using var select = dataSource.CreateCommand($"{Events} offset $3");
        select.Parameters.Add(new() { Value = load.Stream.TenantId });
        select.Parameters.Add(new() { Value = load.Stream.Id });
        select.Parameters.Add(new() { Value = (long)load.Rows.Count });
        await using var rows = await select.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
            state = evolve(state, serializer.Deserialize(rows.GetInt64(0), rows.GetString(1), rows.GetFieldValue<byte[]>(2)));
        return state;
    }

    // Behind the answers in the thread pool's queue: whoever was answered usually asks again.
    private static Task AfterAnswersAsync()
    {
        var queued = new TaskCompletionSource();
        ThreadPool.UnsafeQueueUserWorkItem(static source => source.SetResult(), queued, preferLocal: false);
        return queued.Task;
    }
}
