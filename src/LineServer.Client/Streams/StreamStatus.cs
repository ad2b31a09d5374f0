namespace LineServer.Client.Streams;

/// <summary>What a server says of a stream when a client attaches: the line <c>OK</c>.</summary>
public sealed record StreamStatus
{
    /// <summary>The number of the stream's durable lines.</summary>
    public required long Count { get; init; }

    /// <summary>The CRC-32C of those lines, each with its LF; null if the server gives none.</summary>
    public uint? Crc32C { get; init; }

    /// <summary>The most bytes of a line, its LF not counted; <see cref="long.MaxValue"/> if the server gives none.</summary>
    public long MaxLineSize { get; init; } = long.MaxValue;

    /// <summary>The number of the first line that the server still keeps, from 1.</summary>
    public long FirstLine { get; init; } = 1;

    /// <summary>The store's id; another id is another store. Null if the server gives none.</summary>
    public string? StoreId { get; init; }

    /// <summary><c>synced</c>: acknowledged lines are on the disk. <c>written</c>: the kernel has them.</summary>
    public string? Durability { get; init; }
}
