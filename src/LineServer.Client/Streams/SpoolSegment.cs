using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace LineServer.Client.Streams;

/// <summary>One file of a spool, named for the place of its first byte in the spool.</summary>
internal sealed class SpoolSegment : IDisposable
{
    private const string Suffix = ".spool";

    private readonly SafeFileHandle _handle;
    private readonly string _path;

    private SpoolSegment(string path, long start, FileMode mode)
    {
        _path = path;
        Start = start;
        _handle = File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.Read);
        Length = RandomAccess.GetLength(_handle);
    }

    /// <summary>The place of its first byte.</summary>
    public long Start { get; }

    public long Length { get; private set; }

    public long End => Start + Length;

    public static SpoolSegment Create(string folder, long start) =>
        new(Path.Combine(folder, start.ToString("D19", CultureInfo.InvariantCulture) + Suffix), start, FileMode.CreateNew);

    /// <summary>The segments in a folder, in order.</summary>
    public static List<SpoolSegment> OpenAll(string folder) =>
    [
        .. Directory.EnumerateFiles(folder, "*" + Suffix)
            .Where(path => long.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out _))
            .Order(StringComparer.Ordinal)
            .Select(path => new SpoolSegment(path, long.Parse(Path.GetFileNameWithoutExtension(path), CultureInfo.InvariantCulture), FileMode.Open)),
    ];

    public int Read(Span<byte> buffer, long offset) => RandomAccess.Read(_handle, buffer, offset - Start);

    public void Append(ReadOnlySpan<byte> bytes)
    {
        RandomAccess.Write(_handle, bytes, Length);
        Length += bytes.Length;
    }

    public void Sync() => RandomAccess.FlushToDisk(_handle);

    /// <summary>Cuts the segment at a place within it.</summary>
    public void Truncate(long end)
    {
        RandomAccess.SetLength(_handle, end - Start);
        Length = end - Start;
    }

    public void Delete()
    {
        File.Delete(_path);
        Dispose();
    }

    public void Dispose() => _handle.Dispose();
}
