namespace TrackAi.PrivateCluster;

/// <summary>
/// An advisory lock between processes (flock): the runtime takes a shared one for <c>FileShare.Read</c> and an exclusive one for <c>FileShare.None</c>.
/// The system lets go of it when the process ends, however it ends.
/// </summary>
sealed class FileLock : IDisposable
{
    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    readonly FileStream _file;

    FileLock(FileStream file) => _file = file;

    public static FileLock Shared(string path) => new(new FileStream(path, FileMode.OpenOrCreate, FileAccess.Read, FileShare.Read));

    public static async Task<FileLock> ExclusiveAsync(string path, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (TryExclusive(path) is { } taken)
                return taken;
            await Task.Delay(Pause, cancellationToken);
        }
    }

    public static FileLock? TryExclusive(string path)
    {
        try
        {
            return new(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (IsHeldByAnother(e))
        {
            return null;
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>EWOULDBLOCK, as Linux and as macOS number it.</summary>
    static bool IsHeldByAnother(IOException e) => e.HResult is 11 or 35;
}
