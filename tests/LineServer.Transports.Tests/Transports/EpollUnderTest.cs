using System.Net;
using LineServer.Transports.Epoll;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;

namespace LineServer.Transports.Tests.Transports;

/// <summary>Ours, over system calls that may be made to fail.</summary>
internal sealed class EpollUnderTest<TCalls>(bool inline, bool unix = false) : Transport
    where TCalls : struct, ISystemCalls
{
    protected override string? Note => typeof(TCalls) == typeof(FaultySystemCalls<FaultPlan>) || typeof(TCalls) == typeof(FaultySystemCalls<AcceptingFaultPlan>)
        ? $"LINESERVER_SEED={FaultPlan.Seed}"
        : null;

    public override bool HasReset => !unix;

    // What a Unix domain socket accepts does not inherit the listening socket's buffers: they are the system's.
    public override long KernelSlack(int kernelBuffer) => unix ? 512 * 1024 : base.KernelSlack(kernelBuffer);

    public override EndPoint NewEndPoint() => unix ? BoundSockets.NewUnixEndPoint() : base.NewEndPoint();

    public override IConnectionListenerFactory CreateFactory(TransportSettings settings) => Create(settings);

    public EpollTransport<TCalls> Create(TransportSettings settings, Action<EpollTransportOptions>? configure = null, TimeProvider? time = null)
    {
        var options = new EpollTransportOptions
        {
            UnsafePreferInlineScheduling = inline,
            MaxReadBufferSize = settings.MaxReadBufferSize,
            MaxWriteBufferSize = settings.MaxWriteBufferSize,
            Backlog = settings.Backlog,
            LoopCount = 2,
        };
        if (settings.KernelBuffer is { } size)
        {
            options.CreateBoundListenSocket = BoundSockets.Of(EpollTransportOptions.CreateDefaultBoundListenSocket, size);
        }

        configure?.Invoke(options);
        return new EpollTransport<TCalls>(options, NullLoggerFactory.Instance, time ?? TimeProvider.System);
    }
}
