namespace LineServer.Storage;

/// <summary>The store cannot be opened or read, and will not be by itself: it is damaged, in use, or not a store.</summary>
public sealed class StoreException : Exception
{
    /// <summary>Creates an exception.</summary>
    public StoreException(string message)
        : base(message)
    {
    }

    /// <summary>Creates an exception.</summary>
    public StoreException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates an exception.</summary>
    public StoreException()
    {
    }
}
