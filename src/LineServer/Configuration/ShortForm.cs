namespace LineServer.Configuration;

/// <summary>What the command line says of the endpoints of <c>--listen</c>.</summary>
/// <param name="Handler">The name of the handler; null is the default.</param>
/// <param name="StoreDirectory">The directory of their store.</param>
/// <param name="IsAcknowledged">True if clients speak LS1.</param>
internal sealed record ShortForm(string? Handler = null, string? StoreDirectory = null, bool IsAcknowledged = false);
