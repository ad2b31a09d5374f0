using System.Security.Cryptography;
using LineServer.Linux;

namespace LineServer.Client.Streams;

/// <summary>One open file of a stream: the last of them may grow, those before it are sealed.</summary>
internal sealed class FilePart(InputFile file, StreamMark start) : IDisposable
{
    private const byte LineFeed = (byte)'\n';

    /// <summary>The most bytes of a file's head that are hashed.</summary>
    private const int MaxHeadLength = 4096;

    /// <summary>The number of the file's bytes that count; null while all do.</summary>
    private long? _end;
    private long _lengthWhenSealed;
    private bool _hasAddedLineFeed;
    private bool _hasLateBytes;
    private byte[] _head = [];
    private string _headHash = "";

    public string Path => file.Name;

    public FileIdentity? Identity { get; } = IdentityOf(file);

    /// <summary>The place in the stream where the file begins. Its count is negative while it is not known.</summary>
    public StreamMark Start { get; set; } = start;

    /// <summary>The number of bytes that the file gives to the stream, so far.</summary>
    public long Length => _end is long end ? end + (_hasAddedLineFeed ? 1 : 0) : file.CurrentLength;

    public DateTime Modified => File.GetLastWriteTimeUtc(file.Handle);

    public static FileIdentity? IdentityOf(InputFile file) => FileIdentity.OfDescriptor((int)file.Handle.DangerousGetHandle());

    /// <summary>True if this is the file that was remembered, and not only its number.</summary>
    public static bool IsRemembered(InputFile file, in FileRecord record) =>
        IdentityOf(file) is { } identity && identity.Device == record.Device && identity.Inode == record.Inode
            && ReadHead(file, record.HeadLength) is var head && head.Length == record.HeadLength && HashOf(head) == record.HeadHash;

    public int Read(Span<byte> buffer, long offset)
    {
        if (_end is not long end || buffer.IsEmpty)
        {
            return file.ReadAt(buffer, offset);
        }

        if (offset < end)
        {
            return file.ReadAt(buffer[..(int)Math.Min(buffer.Length, end - offset)], offset);
        }

        if (!_hasAddedLineFeed || offset > end)
        {
            return 0;
        }

        buffer[0] = LineFeed;
        return 1;
    }

    /// <summary>Adds the LF that the file's last line lacks.</summary>
    public void AddLineFeed(long length)
    {
        _end = length;
        _hasAddedLineFeed = true;
    }

    /// <summary>Ends the file: another one follows.</summary>
    /// <param name="length">The number of bytes that count, with an added LF: all but an unfinished last line.</param>
    /// <param name="read">The number of bytes that were read: what comes behind them is late.</param>
    public void Seal(long length, long read)
    {
        _lengthWhenSealed = _hasAddedLineFeed ? _end!.Value : read;
        _end = _hasAddedLineFeed ? _end : length;
    }

    /// <summary>True, once, if bytes were written after the file was sealed.</summary>
    public bool HasNewLateBytes()
    {
        bool isNew = !_hasLateBytes && file.CurrentLength > _lengthWhenSealed;
        _hasLateBytes |= isNew;
        return isNew;
    }

    public FileRecord Describe()
    {
        if (_head.Length < MaxHeadLength)
        {
            _head = ReadHead(file, MaxHeadLength);
            _headHash = HashOf(_head);
        }

        return new(Identity?.Device ?? 0, Identity?.Inode ?? 0, file.CurrentLength, _head.Length, _headHash, Start.Lines, Start.Crc);
    }

    public void Dispose() => file.Handle.Dispose();

    private static byte[] ReadHead(InputFile file, int length)
    {
        byte[] head = new byte[length];
        return head[..file.ReadAt(head, 0)];
    }

    private static string HashOf(byte[] head) => Convert.ToHexStringLower(SHA256.HashData(head));
}
