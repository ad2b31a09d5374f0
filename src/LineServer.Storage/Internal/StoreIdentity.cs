using System.Globalization;
using System.Security.Cryptography;
using LineServer.Storage.Internal.Files;
using LineServer.Storage.Internal.Log;
using LineServer.Storage.Internal.Segments;

namespace LineServer.Storage.Internal;

/// <summary>The file STORE: what this store is, for ever.</summary>
/// <param name="Id">Random; clients are told. Another id is another store.</param>
/// <param name="Key">Random, and secret: it marks the frames of the log.</param>
internal sealed record StoreIdentity(string Id, ulong Key)
{
    public const string Path = "STORE";

    private const string NewPath = "STORE.tmp";
    private const string FirstLine = "lineserver-store 1";

    /// <summary>Reads the file; null if there is none.</summary>
    /// <exception cref="StoreException">It is of another version, or damaged.</exception>
    public static StoreIdentity? Read(IStoreFiles files)
    {
        if (files.LengthOf(Path) is null)
        {
            return null;
        }

        string text = TextFile.Read(files, Path);
        string[] lines = text.Split('\n');
        if (lines[0] != FirstLine)
        {
            throw new StoreException($"{Path}: '{lines[0]}' is not '{FirstLine}': this is no store, or one of another version");
        }

        // With another key, no frame of the log would be known, and its lines would be lost without a word.
        if (!TextFile.IsWhole(text)
            || lines.Length < 3
            || !lines[1].StartsWith("id ", StringComparison.Ordinal)
            || !lines[2].StartsWith("key ", StringComparison.Ordinal)
            || !ulong.TryParse(lines[2].AsSpan(4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong key))
        {
            throw new StoreException($"{Path} is damaged");
        }

        return new StoreIdentity(lines[1][3..], key);
    }

    /// <summary>Makes a new store in an empty directory. STORE comes last: without it, this is begun again.</summary>
    public static StoreIdentity Create(IStoreFiles files)
    {
        if (files.List(SegmentPath.Root).Count > 0 || files.List(LogFiles.Directory).Count > 0)
        {
            throw new StoreException($"{Path} is missing, but there are lines or a log: this store was damaged, or a copy of it is incomplete");
        }

        files.CreateDirectory(LogFiles.Directory);
        files.CreateDirectory(SegmentPath.Root);
        new Checkpoint(Epoch: 1, Lsn: 0, []).Write(files);
        byte[] random = RandomNumberGenerator.GetBytes(16);
        var made = new StoreIdentity(
            Convert.ToHexStringLower(random.AsSpan(0, 8)), BitConverter.ToUInt64(random, 8));
        string created = DateTimeOffset.UtcNow.ToString("O", CultureInfo.InvariantCulture);
        TextFile.Replace(files, Path, NewPath, TextFile.WithChecksum($"{FirstLine}\nid {made.Id}\nkey {made.Key:x16}\ncreated {created}\n"));
        return made;
    }
}
