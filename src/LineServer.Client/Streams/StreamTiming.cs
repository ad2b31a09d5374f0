namespace LineServer.Client.Streams;

/// <summary>The clock of a run, its chance, and the times that no option sets. Tests own all of them.</summary>
internal sealed record StreamTiming
{
    public static StreamTiming Default { get; } = new();

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public Random Random { get; init; } = Random.Shared;

    /// <summary>
    /// How long a server may be silent while lines are outstanding, or OK is. It repeats its count every 5 s.
    /// </summary>
    public TimeSpan SilenceLimit { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long BYE is waited for when everything is acknowledged.</summary>
    public TimeSpan ByeLimit { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long outstanding lines are waited for after SIGINT or SIGTERM.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often a followed file is looked at.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a rotated file must not have grown before the new one follows: its writer may still have it open.</summary>
    public TimeSpan RotationGrace { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How often the state is saved while lines are acknowledged.</summary>
    public TimeSpan SaveInterval { get; init; } = TimeSpan.FromSeconds(1);
}
