using LineServer.Hosting;

namespace LineServer.Configuration;

/// <summary>What <c>Limits</c> may hold for the whole server: the limits of all endpoints, and those that a transport has once.</summary>
internal sealed class ServerLimits : LineLimits
{
    /// <summary>Limits that all endpoints of a server share, since its transport does.</summary>
    public static readonly string[] ServerOnly = [nameof(Backlog), nameof(MaxReadBufferSize), nameof(MaxWriteBufferSize)];

    /// <summary>Connections that the kernel queues until they are accepted, as in Kestrel: listen(2).</summary>
    public int Backlog { get; set; } = 512;

    public override IEnumerable<string> Validate()
    {
        foreach (string problem in base.Validate())
        {
            yield return problem;
        }

        if (Backlog < 1)
        {
            yield return $"{nameof(Backlog)} must be at least 1, not {Backlog}.";
        }
    }
}
