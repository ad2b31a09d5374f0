namespace LineServer.Storage.PostgreSql.Internal;

/// <summary>
/// Who waits for lines of a stream. Lines of this server are told at once, those of other servers when somebody has looked.
/// </summary>
internal sealed class EngineFollowers
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, TaskCompletionSource> _waiting = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);

    /// <summary>The streams that are followed.</summary>
    public string[] Streams
    {
        get
        {
            lock (_lock)
            {
                // A stream that nobody follows any more is forgotten.
                foreach (string stream in _counts.Keys.Where(stream => !_waiting.ContainsKey(stream)).ToList())
                {
                    _counts.Remove(stream);
                }

                return [.. _waiting.Keys];
            }
        }
    }

    public Task NextAsync(string stream)
    {
        lock (_lock)
        {
            if (!_waiting.TryGetValue(stream, out TaskCompletionSource? next))
            {
                _waiting.Add(stream, next = new(TaskCreationOptions.RunContinuationsAsynchronously));
            }

            return next.Task;
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
        if (_waiting.Remove(stream, out TaskCompletionSource? waiting))
        {
            waiting.SetResult();
        }
    }
}
