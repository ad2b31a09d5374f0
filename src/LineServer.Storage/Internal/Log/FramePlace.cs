namespace LineServer.Storage.Internal.Log;

/// <summary>A whole frame, and where it lies.</summary>
internal readonly record struct FramePlace(Frame Frame, int File, long Offset)
{
    public override string ToString() => $"{LogFiles.PathOf(File)} at {Offset}";
}
