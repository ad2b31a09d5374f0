namespace LineServer.Storage.Internal.Files;

/// <summary>An open file. Every failure is an <see cref="IOException"/>.</summary>
internal interface IStoreFile : IDisposable
{
    /// <summary>The length in bytes.</summary>
    long Length { get; }

    /// <summary>Reads until the buffer is full or the file ends. Returns the number of bytes.</summary>
    int Read(Span<byte> buffer, long offset);

    /// <summary>Writes all of the buffers, one behind the other.</summary>
    void Write(IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset);

    /// <summary>Cuts the file, or fills it with zeros.</summary>
    void SetLength(long length);

    /// <summary>fdatasync(2): returns when what was written is durable, and the length with it.</summary>
    void Sync();

    /// <summary>Asks the kernel to begin writing a range to the disk. A hint: it waits for nothing.</summary>
    void BeginWriteBack(long offset, long length);
}
