namespace LineServer.Storage.PostgreSql.Internal;

/// <summary>
/// A stream that this server appends to: one attachment of the engine, and the lines that wait for it. A numbered stream has
/// one owner here, a shared one has many.
/// </summary>
/// <remarks>
/// <code>
/// Attaching ─► Ready ─► InFlight ─► Ready                      stored
///                       InFlight ─► Unknown ─► Reattaching     nobody knows what became of the piece
///                                   Reattaching ─► Ready       it is stored, or goes again
///                                   Reattaching ─► Unknown     the engine has not answered
/// Ready, InFlight, Reattaching ─► Attaching                    a shared stream whose attachment was taken
/// any of them ─► Ended
/// </code>
/// </remarks>
internal sealed class StreamHold(string stream, bool isShared)
{
    public string Stream => stream;

    public bool IsShared => isShared;

    public HoldState State { get; set; } = HoldState.Attaching;

    /// <summary>The stream when it was attached, and the attachment. Null before.</summary>
    public StreamPosition? Position { get; set; }

    public long DurableCount { get; set; }

    public uint DurableCrc { get; set; }

    /// <summary>The number of the last line that was taken.</summary>
    public long Taken => Parcels.Count > 0 ? Parcels[^1].Last : DurableCount;

    public uint TakenCrc => Parcels.Count > 0 ? Parcels[^1].Crc : DurableCrc;

    /// <summary>What waits. The first may be on its way.</summary>
    public List<Parcel> Parcels { get; } = [];

    public int Uncommitted { get; set; }

    public List<EngineAttachment> Attachments { get; } = [];

    /// <summary>True if the first parcel waits for its turn.</summary>
    public bool IsQueued { get; set; }
}

/// <summary>See <see cref="StreamHold"/>.</summary>
internal enum HoldState
{
    Attaching,
    Ready,
    InFlight,
    Unknown,
    Reattaching,
    Ended,
}
