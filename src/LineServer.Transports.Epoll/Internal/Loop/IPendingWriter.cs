namespace LineServer.Transports.Epoll.Internal;

/// <summary>A writer that may have bytes in <see cref="PendingWrites"/>.</summary>
internal interface IPendingWriter
{
    /// <summary>On the loop: sends the bytes and takes the array back. Must not throw.</summary>
    void SendPending(byte[] array, int start, int end);
}
