namespace LineServer.Storage;

/// <summary>A stream, as its files show it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Count">The lines stored so far, removed ones included.</param>
/// <param name="FirstKept">The first line that is still kept.</param>
/// <param name="Segments">The number of its files.</param>
/// <param name="Bytes">Their size on the disk, in bytes.</param>
public sealed record StreamSummary(string Name, long Count, long FirstKept, int Segments, long Bytes);
