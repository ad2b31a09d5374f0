namespace LineServer.Client.Streams;

/// <summary>What to do after a connection has ended.</summary>
internal enum StreamEndKind
{
    /// <summary>Nothing: every line is acknowledged.</summary>
    Complete,

    /// <summary>Try again: the connection was lost, or the server asked for it.</summary>
    Again,

    /// <summary>Give up: trying again would not help.</summary>
    Final,
}
