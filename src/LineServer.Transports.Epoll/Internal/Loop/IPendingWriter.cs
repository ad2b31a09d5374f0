namespace LineServer.Transports.Epoll.Internal;

/// <summary>A writer with bytes in <see cref="PendingWrites"/>.</summary>
internal interface IPendingWriter
{
    /// <summary>On the loop: the bytes are due, and the array is the writer's again. Does not throw.</summary>
    void SendPending(byte[] array, int start, int end);
}
