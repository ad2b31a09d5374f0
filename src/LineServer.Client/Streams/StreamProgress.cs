namespace LineServer.Client.Streams;

/// <summary>The counts of a run, over all its connections. Read by the progress bar and the summary at any time.</summary>
internal sealed class StreamProgress
{
    private long _acknowledged;
    private long _acknowledgedBytes;
    private long _sentLines;
    private long _sentBytes;
    private long _position;

    /// <summary>The number of the stream's durable lines, as the server last said.</summary>
    public long Acknowledged
    {
        get => Interlocked.Read(ref _acknowledged);
        set => Interlocked.Exchange(ref _acknowledged, value);
    }

    /// <summary>The place in the source up to which all is acknowledged, in bytes; near the last acknowledged line.</summary>
    public long AcknowledgedBytes
    {
        get => Interlocked.Read(ref _acknowledgedBytes);
        set => Interlocked.Exchange(ref _acknowledgedBytes, value);
    }

    /// <summary>The place in the source up to which all was sent, in bytes.</summary>
    public long Position
    {
        get => Interlocked.Read(ref _position);
        set => Interlocked.Exchange(ref _position, value);
    }

    /// <summary>The lines that were sent, those sent again included.</summary>
    public long SentLines => Interlocked.Read(ref _sentLines);

    public long SentBytes => Interlocked.Read(ref _sentBytes);

    /// <summary>The connections that were opened, the first included.</summary>
    public int Connections { get; set; }

    /// <summary>True once the server has told its count.</summary>
    public bool IsAttached { get; set; }

    public void Sent(long lines, long bytes)
    {
        Interlocked.Add(ref _sentLines, lines);
        Interlocked.Add(ref _sentBytes, bytes);
    }
}
