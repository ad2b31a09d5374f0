namespace LineServer.Transports.Tests.Transports;

/// <summary>What tests set; options of the same names in every transport.</summary>
public sealed record TransportSettings
{
    public long MaxReadBufferSize { get; init; } = 1024 * 1024;

    public long MaxWriteBufferSize { get; init; } = 64 * 1024;

    public int Backlog { get; init; } = 512;

    /// <summary>SO_SNDBUF and SO_RCVBUF of accepted connections; null is the system's.</summary>
    public int? KernelBuffer { get; init; }
}
