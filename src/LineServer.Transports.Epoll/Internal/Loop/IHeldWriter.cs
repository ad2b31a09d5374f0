namespace LineServer.Transports.Epoll.Internal;

/// <summary>A writer with a flush that <see cref="HeldFlushes"/> sends.</summary>
internal interface IHeldWriter
{
    /// <summary>Sends it, unless it was sent meanwhile. A failure ends the writer's connection.</summary>
    void SendHeld();
}
