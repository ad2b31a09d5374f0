namespace LineServer.Hosting.Internal;

/// <summary>What a connection waits for, as far as there is a limit to it.</summary>
internal enum Wait
{
    None,

    /// <summary>For the rest of a line, or of a payload: <see cref="LineLimits.LineTimeout"/>.</summary>
    Line,

    /// <summary>For anything: <see cref="LineLimits.IdleTimeout"/>.</summary>
    Idle,

    /// <summary>For the client to read: <see cref="LineLimits.SendTimeout"/>.</summary>
    Send,
}
