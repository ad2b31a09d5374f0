using LineServer.Framing;

namespace LineServer.Storage;

/// <summary>
/// What stands under the protocols: streams of lines that are kept. Kept by files here; a replicated engine has the same
/// face.
/// </summary>
public interface ILineStore
{
    /// <summary>The store's id. Another id is another store, with other counts.</summary>
    string Id { get; }

    /// <summary>What has happened to a line before it is acknowledged.</summary>
    Durability Durability { get; }

    /// <summary>
    /// Attaches to a stream, for one writer. The newest attachment wins: lines of an older one that are not committed by
    /// then are dropped, and its owner is told.
    /// </summary>
    /// <param name="stream">See <see cref="StreamName"/>. A new name begins a stream.</param>
    /// <param name="owner">Who is told of commits and of the end. Must not throw, and must return at once.</param>
    /// <returns>The attachment. What was committed before it is durable.</returns>
    /// <exception cref="StoreUnavailableException">
    /// The store has failed, is stopping, or holds no more streams; or the stream is shared.
    /// </exception>
    ValueTask<StreamAttachment> AttachAsync(string stream, IAttachmentOwner owner);

    /// <summary>
    /// Attaches to a stream that several writers share. No line numbers, and no attachment of one writer at the same time.
    /// </summary>
    /// <inheritdoc cref="AttachAsync"/>
    ValueTask<StreamAttachment> ShareAsync(string stream, IAttachmentOwner owner);

    /// <summary>Reads a stream from a line on. Only what is durable is read.</summary>
    /// <param name="stream">See <see cref="StreamName"/>.</param>
    /// <param name="from">The number of the first line to read; from 1.</param>
    ILineCursor OpenCursor(string stream, long from);

    /// <summary>True if lines of the stream are kept.</summary>
    /// <exception cref="IOException">The store cannot be read.</exception>
    ValueTask<bool> HasLinesAsync(string stream, CancellationToken cancellationToken);

    /// <summary>
    /// Ends when lines of the stream, and sometimes of another, can be read that could not before this call. To follow a
    /// stream: call this, read to the end, then await it.
    /// </summary>
    Task WhenReadableAsync(string stream);
}
