using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Hosting.Internal;

/// <summary>
/// What Hosting and a transport tell each other through a connection's features. Neither knows the other, so the keys are types that both know
/// from the framework.
/// </summary>
internal static class TransportFeatures
{
    /// <summary>
    /// True if completing the output sends FIN, and reading goes on (the feature <see cref="SocketShutdown"/> says what it shuts down). Kestrel's
    /// sockets, which do not have the feature, close both ways then.
    /// </summary>
    public static bool SendsFinFirst(this IFeatureCollection features) => features[typeof(SocketShutdown)] is SocketShutdown.Send;

    /// <summary>Asks for continuations on the transport's own threads, where it can be asked (it has the feature <see cref="PipeScheduler"/>).</summary>
    /// <param name="features">The connection's.</param>
    /// <param name="handler">For the transport's complaint about one that blocks after all.</param>
    public static void PreferInline(this IFeatureCollection features, ConnectionHandler handler)
    {
        if (features.Get<PipeScheduler>() is not null)
        {
            features.Set(PipeScheduler.Inline);
            features.Set(handler);
        }
    }
}
