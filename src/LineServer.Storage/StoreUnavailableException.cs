namespace LineServer.Storage;

/// <summary>The store does not take a stream now.</summary>
public sealed class StoreUnavailableException : Exception
{
    /// <summary>Creates an exception.</summary>
    public StoreUnavailableException(StoreRefusal refusal, string message)
        : base(message) => Refusal = refusal;

    /// <summary>Creates an exception.</summary>
    public StoreUnavailableException()
    {
    }

    /// <summary>Creates an exception.</summary>
    public StoreUnavailableException(string message)
        : base(message)
    {
    }

    /// <summary>Creates an exception.</summary>
    public StoreUnavailableException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Why.</summary>
    public StoreRefusal Refusal { get; }
}
