namespace LineServer.Storage.PostgreSql.Internal;

/// <summary>
/// Who waits for lines of a stream. Lines of this server are told at once, those of other servers when somebody has looked.
/// </summary>
internal sealed class EngineFollowers(TimeProvider time)
{
    // Whoever still follows asks again. The others leave nothing behind, whatever names they have followed.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (TaskCompletionSource Next, long Since)> _waiting = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);

    public Task NextAsync(string stream)
    {
        lock (_lock)
        {
            if (!_waiting.TryGetValue(stream, out (TaskCompletionSource Next, long Since) waiting))
            {
                _waiting.Add(stream, waiting = (new(TaskCreationOptions.RunContinuationsAsynchronously), time.GetTimestamp()));
            }

            return waiting.Next.Task;
        }
    }

    /// <summary>The streams to look at. Waits that have lasted are ended.</summary>
    public string[] TakeStreams()
    {
        lock (_lock)
        {
            foreach (string stream in _counts.Keys.Where(stream => !_waiting.ContainsKey(stream)).ToList())
            {
                _counts.Remove(stream);
            }

            foreach (string stream in _waiting.Where(waiting => time.GetElapsedTime(waiting.Value.Since) >= LongestWait).Select(waiting => waiting.Key).ToList())
            {
                End(stream);
            }

            return [.. _waiting.Keys];
        }
    }

    /// <summary>The streams have got lines.</summary>
    public void Tell(IEnumerable<string> streams)
    {
        lock (_lock)
        {
            if (_waiting.Count == 0)
            {
                return;
            }

            foreach (string stream in streams)
            {
                End(stream);
            }
        }
    }

    /// <summary>The stream has so many lines. The first look tells of it too: nobody knows what was read before.</summary>
    public void Look(string stream, long count)
    {
        lock (_lock)
        {
            if (!_counts.TryGetValue(stream, out long before) || before != count)
            {
                _counts[stream] = count;
                End(stream);
            }
        }
    }

    private void End(string stream)
    {
        if (_waiting.Remove(stream, out (TaskCompletionSource Next, long Since) waiting))
        {
            waiting.Next.SetResult();
        }
    }
}
