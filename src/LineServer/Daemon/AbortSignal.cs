namespace LineServer.Daemon;

/// <summary>Set by a second signal: nobody waits any longer.</summary>
internal sealed class AbortSignal : IDisposable
{
    private readonly CancellationTokenSource _source = new();

    public CancellationToken Token => _source.Token;

    public void Set() => _source.Cancel();

    public void Dispose() => _source.Dispose();
}
