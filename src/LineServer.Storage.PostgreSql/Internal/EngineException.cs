namespace LineServer.Storage.PostgreSql.Internal;

/// <summary>The engine did not do what it was asked, or nobody knows whether it did.</summary>
/// <param name="refusal">
/// <see cref="StoreRefusal.Failed"/> if it cannot keep lines, as with a full disk; <see cref="StoreRefusal.Unavailable"/> if it
/// cannot be reached, or not keep its promise now.
/// </param>
/// <param name="message">The reason, for the log and for clients.</param>
/// <param name="inner">What was thrown.</param>
internal sealed class EngineException(StoreRefusal refusal, string message, Exception? inner = null) : Exception(message, inner)
{
    public StoreRefusal Refusal { get; } = refusal;
}
