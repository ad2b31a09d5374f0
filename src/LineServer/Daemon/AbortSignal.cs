namespace LineServer.Daemon;

/// <summary>Cancelled by a second signal: the stop waits for nothing anymore.</summary>
internal sealed class AbortSignal : IDisposable
{
    private readonly CancellationTokenSource _source = new();

    public CancellationToken Token => _source.Token;

    public void Set() => _source.Cancel();

    public void Dispose() => _source.Dispose();
}
