namespace LineServer.Client.Streams;

/// <summary>
/// The bytes of a stream's lines, from some line on: a file, a file with those it was rotated from, or a spool.
/// One caller reads and waits; another may release.
/// </summary>
internal interface ILineSource : IDisposable
{
    /// <summary>What it is called in messages.</summary>
    string Name { get; }

    /// <summary>The first place that can be read. Null until the server's count decides it.</summary>
    StreamMark? Start { get; }

    /// <summary>True if not all of it can be sent. The user has been told why.</summary>
    bool HasProblem { get; }

    /// <summary>What may explain that the server's lines are not these; null if nothing is known.</summary>
    string? Hint { get; }

    /// <summary>Decides that the lines that can be read follow so many lines of the stream.</summary>
    void Anchor(long lines, uint crc);

    /// <summary>Reads what is there now.</summary>
    /// <returns>The number of bytes; 0 if there are none at this offset yet.</returns>
    /// <exception cref="IOException">It cannot be read.</exception>
    int Read(Span<byte> buffer, long offset);

    /// <summary>Goes on behind the bytes that are there, if that needs no wait: with the next file of a rotated one.</summary>
    /// <param name="position">The end of the last whole line that was read.</param>
    /// <param name="end">The end of what was read.</param>
    /// <returns>True if there is more to read, from <paramref name="position"/> on.</returns>
    /// <exception cref="IOException">It cannot be read.</exception>
    bool TryGoOn(StreamMark position, long end);

    /// <summary>Waits for more bytes.</summary>
    /// <param name="position">The end of the last whole line that was read.</param>
    /// <param name="end">The end of what was read: behind <paramref name="position"/> within an unfinished line.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>False if no more will come.</returns>
    /// <exception cref="IOException">It cannot be read.</exception>
    ValueTask<bool> WaitAsync(StreamMark position, long end, CancellationToken cancellationToken);

    /// <summary>Allows what was read before a mark to be removed. It is not read again.</summary>
    void Release(StreamMark mark);
}
