namespace LineServer.Storage.Internal;

/// <summary>Who waits for the next lines of which stream.</summary>
internal sealed class Followers
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, TaskCompletionSource> _waiting = new(StringComparer.Ordinal);
    private int _count;

    public Task NextAsync(string stream)
    {
        lock (_lock)
        {
            if (!_waiting.TryGetValue(stream, out TaskCompletionSource? source))
            {
                _waiting.Add(stream, source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
                Volatile.Write(ref _count, _waiting.Count);
                Interlocked.MemoryBarrier();
            }

            return source.Task;
        }
    }

    /// <summary>Lines were written. Costs nothing while nobody follows.</summary>
    public void Tell(string stream)
    {
        // Either this sees who has just come, or they see the lines.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _count) == 0)
        {
            return;
        }

        TaskCompletionSource? source;
        lock (_lock)
        {
            _waiting.Remove(stream, out source);
            Volatile.Write(ref _count, _waiting.Count);
        }

        source?.TrySetResult();
    }
}
