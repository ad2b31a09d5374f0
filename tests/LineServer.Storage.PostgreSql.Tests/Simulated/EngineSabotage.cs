namespace LineServer.Storage.PostgreSql.Tests.Simulated;

/// <summary>What is broken on purpose. Each must be caught.</summary>
public enum EngineSabotage
{
    None,

    /// <summary>Attaching does not raise the attachment's number.</summary>
    NoFence,

    /// <summary>The count that attaching tells was read before the older attachment was shut out.</summary>
    CountReadBeforeTheFence,

    /// <summary>Attaching again, after an unknown outcome, does not raise the number.</summary>
    ReattachesWithoutFence,

    /// <summary>The count that decides about an unknown outcome was read before.</summary>
    CountReadBeforeTheReattachment,

    /// <summary>A piece whose outcome is not known is sent again as it is.</summary>
    RetriesWithoutAttaching,

    /// <summary>A piece is acknowledged before the transaction has taken place.</summary>
    AcknowledgesBeforeTheCommit,

    /// <summary>A piece is sent again as it is, and stored although its number is not the stream's next.</summary>
    RetriesAndCountNotCompared,
}
