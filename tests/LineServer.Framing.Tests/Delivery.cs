namespace LineServer.Framing.Tests;

internal enum Way
{
    Foreach,
    TryRead,
    Visitor,

    /// <summary>In runs, and what is in none by TryRead.</summary>
    Runs,

    /// <summary>Each in turn.</summary>
    Mixed,
}

/// <summary>How a stream arrives, and how its lines are taken.</summary>
internal sealed record Delivery
{
    /// <summary>How much of the stream each read has seen, but for the last, which has all.</summary>
    public int[] Reads { get; init; } = [];

    /// <summary>Where segments end.</summary>
    public int[] Cuts { get; init; } = [];

    public Way Way { get; init; }

    /// <summary>The most lines taken at once.</summary>
    public int Batch { get; init; } = int.MaxValue;

    /// <summary>True if a read ends after each batch, with lines left in it.</summary>
    public bool EndsReadEarly { get; init; }

    /// <summary>True if the end of the stream comes by itself, after its last byte.</summary>
    public bool EndComesApart { get; init; }

    public override string ToString() =>
        $"reads [{string.Join(' ', Reads)}], cuts [{string.Join(' ', Cuts)}], {Way}, batch {Batch}, ends read early {EndsReadEarly}, end comes apart {EndComesApart}";
}
