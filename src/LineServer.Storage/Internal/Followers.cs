namespace LineServer.Storage.Internal;

/// <summary>
/// Who waits for the next lines of which stream. Streams share a fixed number of places by the hash of their names, because
/// readers choose the names: some are woken for the lines of another stream, and none takes memory that stays.
/// </summary>
internal sealed class Followers
{
    private const int Places = 1024;

    private readonly TaskCompletionSource?[] _waiting = new TaskCompletionSource?[Places];

    public Task NextAsync(string stream)
    {
        ref TaskCompletionSource? place = ref PlaceOf(stream);
        while (true)
        {
            // An interlocked operation is a full fence: either Tell sees who has just come, or they see the lines.
            if (Interlocked.CompareExchange(ref place, null, null) is { } source)
            {
                return source.Task;
            }

            var made = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (Interlocked.CompareExchange(ref place, made, null) is null)
            {
                return made.Task;
            }
        }
    }

    /// <summary>Lines were written. Costs little while nobody follows.</summary>
    public void Tell(string stream)
    {
        Interlocked.MemoryBarrier();
        ref TaskCompletionSource? place = ref PlaceOf(stream);
        if (Volatile.Read(ref place) is not null)
        {
            Interlocked.Exchange(ref place, null)?.TrySetResult();
        }
    }

    private ref TaskCompletionSource? PlaceOf(string stream) =>
        ref _waiting[(uint)string.GetHashCode(stream, StringComparison.Ordinal) % Places];
}
