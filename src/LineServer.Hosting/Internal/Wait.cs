namespace LineServer.Hosting.Internal;

/// <summary>What a connection waits for, if a limit bounds the wait.</summary>
internal enum Wait
{
    None,

    /// <summary>For the rest of a line, or of a payload: <see cref="LineLimits.LineTimeout"/>.</summary>
    Line,

    /// <summary>For the first line: <see cref="LineLimits.FirstLineTimeout"/>.</summary>
    FirstLine,

    /// <summary>For anything: <see cref="LineLimits.IdleTimeout"/>.</summary>
    Idle,

    /// <summary>For the client to read: <see cref="LineLimits.SendTimeout"/>.</summary>
    Send,

    /// <summary>For the handler: <see cref="LineLimits.HandlerTimeout"/>.</summary>
    Handler,
}
