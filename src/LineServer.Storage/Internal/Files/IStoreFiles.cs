namespace LineServer.Storage.Internal.Files;

/// <summary>
/// All that a store does with files. Paths are relative to the store's directory. Every failure is an
/// <see cref="IOException"/>.
/// </summary>
internal interface IStoreFiles
{
    /// <summary>The bytes that the file system has left. Others may take them too.</summary>
    long Room { get; }

    /// <summary>Creates a directory, unless it is there. Its parent exists.</summary>
    void CreateDirectory(string path);

    /// <summary>The names in a directory; none if it does not exist.</summary>
    IReadOnlyList<string> List(string path);

    /// <summary>The length of a file in bytes; null if there is none.</summary>
    long? LengthOf(string path);

    /// <summary>When a file was last written; null if there is none.</summary>
    DateTimeOffset? WrittenAt(string path);

    /// <summary>Opens a file to read and write, and creates it if it is missing.</summary>
    IStoreFile Open(string path);

    /// <summary>Opens an existing file to read.</summary>
    IStoreFile OpenRead(string path);

    /// <summary>Renames a file or a directory. A file at the new path is replaced.</summary>
    void Rename(string from, string to);

    /// <summary>Deletes a file, if it is there.</summary>
    void Delete(string path);

    /// <summary>Deletes an empty directory, if it is there.</summary>
    void DeleteDirectory(string path);

    /// <summary>Makes durable what was created, renamed and deleted in a directory.</summary>
    void SyncDirectory(string path);
}
