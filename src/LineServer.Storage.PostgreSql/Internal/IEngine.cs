namespace LineServer.Storage.PostgreSql.Internal;

/// <summary>
/// What is asked of a database that keeps streams. Each call is one transaction that is durable when it returns. After an
/// exception nobody knows whether it took place.
/// </summary>
internal interface IEngine
{
    /// <summary>
    /// Raises the number of the streams' attachments, which shuts out whoever held them, and returns the streams as they are
    /// then. New names begin.
    /// </summary>
    /// <param name="requests">No stream twice.</param>
    /// <param name="cancellationToken">Ends the wait; the outcome is unknown then.</param>
    Task<IReadOnlyList<AttachAnswer>> AttachAsync(IReadOnlyList<AttachRequest> requests, CancellationToken cancellationToken);

    /// <summary>As <see cref="AttachAsync"/>, for attachments that are still the newest. Null for the others.</summary>
    Task<IReadOnlyList<StreamPosition?>> ReattachAsync(IReadOnlyList<StreamPosition> positions, CancellationToken cancellationToken);

    /// <summary>Stores pieces whose attachment is the newest and whose first line is the stream's next.</summary>
    /// <param name="lane">Which of several calls at a time this is; from 0.</param>
    /// <param name="pieces">No stream twice.</param>
    /// <param name="cancellationToken">Ends the wait; the outcome is unknown then.</param>
    Task<IReadOnlyList<AppendAnswer>> AppendAsync(int lane, IReadOnlyList<Piece> pieces, CancellationToken cancellationToken);
}

/// <summary>What became of a <see cref="Piece"/>.</summary>
internal enum AppendAnswer
{
    /// <summary>It is durable.</summary>
    Stored,

    /// <summary>A newer attachment has the stream. Nothing was stored.</summary>
    Superseded,

    /// <summary>The attachment is the newest, but the piece does not continue the stream. Nothing was stored.</summary>
    Gap,
}

/// <param name="Stream">The name.</param>
/// <param name="IsShared">True if its writers do not number their lines.</param>
internal readonly record struct AttachRequest(string Stream, bool IsShared);

/// <param name="Position">The stream; null if it was refused.</param>
/// <param name="Refusal">Why it was refused.</param>
/// <param name="Reason">The same in words.</param>
internal readonly record struct AttachAnswer(StreamPosition? Position, StoreRefusal Refusal = default, string? Reason = null);

/// <param name="Id">The engine's number of the stream.</param>
/// <param name="Attachment">The number of the attachment.</param>
/// <param name="Count">The durable lines.</param>
/// <param name="Crc">Their CRC-32C.</param>
/// <param name="First">The first line that is kept.</param>
internal sealed record StreamPosition(long Id, long Attachment, long Count, uint Crc, long First);

/// <summary>Lines of a stream, to be stored with one row.</summary>
/// <param name="Stream">The engine's number of the stream.</param>
/// <param name="Attachment">The number of the attachment.</param>
/// <param name="First">The number of the first line.</param>
/// <param name="Lines">How many lines.</param>
/// <param name="Crc">The stream's CRC-32C behind them.</param>
/// <param name="Text">The lines, each with its LF.</param>
internal readonly record struct Piece(long Stream, long Attachment, long First, int Lines, uint Crc, ReadOnlyMemory<byte> Text);
