namespace LineServer.Daemon;

/// <summary>A second signal has set it: nothing is waited for any longer.</summary>
internal sealed class AbortSignal : IDisposable
{
    private readonly CancellationTokenSource _source = new();

    public CancellationToken Token => _source.Token;

    public void Set() => _source.Cancel();

    public void Dispose() => _source.Dispose();
}
