namespace LineServer.Storage.Internal.Commit;

/// <summary>Memory in which lines are gathered. Groups that follow each other share one.</summary>
internal sealed class Chunk(int size)
{
    public const int UsualSize = 256 * 1024;

    public byte[] Bytes { get; } = new byte[size];

    /// <summary>The bytes in use, from the start.</summary>
    public int Used { get; set; }

    /// <summary>The groups that have text here, and the store while it gathers into it.</summary>
    public int Users { get; set; }

    public int Room => Bytes.Length - Used;
}
