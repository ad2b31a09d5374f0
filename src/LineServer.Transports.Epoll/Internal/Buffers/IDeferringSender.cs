namespace LineServer.Transports.Epoll.Internal;

/// <summary>Whose bytes are kept by <see cref="DeferredSends"/>.</summary>
internal interface IDeferringSender
{
    /// <summary>On the loop: the bytes are due. They are to be sent, or copied, before it returns.</summary>
    void SendDeferred(ReadOnlySpan<byte> bytes);
}
